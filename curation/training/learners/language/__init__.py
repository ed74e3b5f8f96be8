"""Parts that the learners of language modelling share; its modules need torch, transformers and TRL.

sft          training by TRL's SFTTrainer, losses of answers, sample answers
learning     examples to tokens, training, and the outcome
"""

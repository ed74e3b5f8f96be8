"""Language models: read safely, and how well they foresee the answers of conversations.

models         a causal model or an encoder by folder, GGUF or Hub name
conversations  a conversation as tokens, and which of them are answers
losses         the losses of these tokens by a model
reader         what reads conversations, and the numbers that it gives
causal         a causal model as such a reader, remembered on disk
ngrams         character n-grams of the data itself as another
"""

"""Language models: read safely, and how well they foresee the answers of conversations.

models         a causal model or an encoder by folder, GGUF or Hub name
conversations  a conversation as tokens, and which of them are answers
losses         the losses of these tokens by a model
"""

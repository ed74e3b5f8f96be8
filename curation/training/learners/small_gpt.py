"""A small GPT from scratch, for a machine without a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from curation.chat.template import PLAIN_TEMPLATE
from curation.lm.models import need_trl
from curation.parameters import Range
from curation.training.learners import Data, Outcome, Part, Work, learner

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END = "<|end|>"
"""The token that ends an answer."""


@learner("A small GPT from scratch", task="language_modelling")
def small_gpt(
    data: Data,
    work: Work,
    *,
    layers: Annotated[int, "layers", Range(1, 48)] = 4,
    width: Annotated[
        int, "numbers that stand for a token; a multiple of heads", Range(8, 2048)
    ] = 256,
    heads: Annotated[int, "attention heads of a layer", Range(1, 64)] = 4,
    vocabulary: Annotated[int, "tokens of the vocabulary at most", Range(300, 100_000)] = 4_000,
    context: Annotated[int, "tokens that the model sees at once", Range(16, 4096)] = 256,
    epochs: Annotated[int, "times the text is learned from", Range(1, 1000)] = 3,
    batch: Annotated[int, "blocks of `context` tokens of a step", Range(1, 1024)] = 8,
    rate: Annotated[float, "learning rate", Range(1e-6, 1.0)] = 1e-3,
    samples: Annotated[int, "test prompts answered after training", Range(0, 20)] = 2,
) -> Outcome:
    """Train a small transformer on the conversations alone, from random weights.

    It can show that one set of examples teaches more than another, not chat quality. The
    architecture is Llama's (rotary positions, RMSNorm, SwiGLU), and the text is learned in blocks of
    exactly `context` tokens, prompts too, so that equal steps are equal tokens. The tokenizer is a
    byte-level BPE, which can write any script. It is trained on the validation part, which all arms
    of a run share and no test example is in: so all arms count a test answer in the same tokens,
    and their losses can be compared. Without a validation part tokens are single bytes. Losses are
    of all answers of a test conversation, each with the token that ends it.
    """
    need_trl()
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    from curation.training.learners.language import learning, sft

    tokenizer = tokenizer_on(data.validation, vocabulary)
    set_seed(work.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=max(1, width // heads) * heads,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    how = sft.Schooling(
        epochs=epochs,
        batch=batch,
        rate=rate,
        optimizer="adamw",
        schedule="cosine",
        warm_up=0.05,
        decay=0.1,
        longest=context,
        bfloat16=learning.is_bfloat16("auto"),
    )
    student = learning.Student(LlamaForCausalLM(config), tokenizer)
    return learning.learn(
        student, data, work, how, answers_only=False, blocks=True, samples=samples
    )


def tokenizer_on(part: Part, vocabulary: int) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE trained on the conversations of a part, with a plain chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = (turn.content or "" for turns in part.messages or () for turn in turns)
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token=END, pad_token=END
    )
    fast.chat_template = PLAIN_TEMPLATE
    return fast

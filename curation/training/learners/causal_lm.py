"""A pretrained language model, trained further on conversations by TRL's SFTTrainer."""

from __future__ import annotations

from typing import Annotated, Literal

from curation.lm.models import load_causal_lm, need_trl
from curation.parameters import Range
from curation.training.learners import Data, Outcome, Work, learner


@learner("A pretrained language model, trained further", task="language_modelling", model="causal")
def causal_lm(
    data: Data,
    work: Work,
    *,
    model: Annotated[
        str, "a folder, a GGUF or a name on the Hugging Face Hub; empty for SmolLM2-135M-Instruct"
    ] = "",
    epochs: Annotated[int, "times each example is learned from", Range(1, 100)] = 3,
    batch: Annotated[int, "examples of a step", Range(1, 1024)] = 8,
    rate: Annotated[
        float, "learning rate; without LoRA a tenth of it is usual", Range(1e-7, 1.0)
    ] = 2e-4,
    lora: Annotated[
        bool, "train two small matrices beside each large one, and nothing else"
    ] = True,
    rank: Annotated[int, "columns of the small matrices of LoRA", Range(1, 512)] = 16,
    answers_only: Annotated[bool, "learn the answers, and read prompts only"] = True,
    packing: Annotated[bool, "fill each row with several conversations"] = False,
    longest: Annotated[int, "tokens of a conversation; the rest is cut", Range(16, 131_072)] = 512,
    optimizer: Annotated[
        Literal["adamw", "adam", "rmsprop"], "adamw also shrinks the weights a little each step"
    ] = "adamw",
    schedule: Annotated[
        Literal["cosine", "linear", "constant"], "how the rate falls after the warm-up"
    ] = "cosine",
    warm_up: Annotated[float, "share of the steps in which the rate rises", Range(0.0, 0.5)] = 0.05,
    patience: Annotated[
        int,
        "end after so many of five measurements without a lower validation loss, and take the "
        "best weights; 0 trains to the end",
        Range(0, 5),
    ] = 0,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], "auto: bfloat16 where the processor has it"
    ] = "auto",
    samples: Annotated[int, "test prompts answered before and after", Range(0, 20)] = 2,
) -> Outcome:
    """Train a causal language model further with TRL's SFTTrainer, by LoRA or all its weights.

    Losses are of all answers of a test conversation, each with the token that ends it. A model
    without a chat template gets a plain one, and a note says so. Sample answers are greedy and of
    at most 80 tokens. Sources: LoRA, Hu et al. 2021 (arXiv 2106.09685), on all linear layers with
    alpha twice the rank.
    """
    need_trl()
    from curation.training.learners.language import learning, sft

    loaded = load_causal_lm(model)
    notes = []
    if not loaded.tokenizer.chat_template:
        notes.append("The model has no chat template; a plain one was used (User: … Assistant: …).")
    student = learning.Student(loaded.model, loaded.tokenizer, loaded.title, tuple(notes))
    how = sft.Schooling(
        epochs=epochs,
        batch=batch,
        rate=rate,
        optimizer=optimizer,
        schedule=schedule,
        warm_up=warm_up,
        decay=0.01 if optimizer == "adamw" else 0.0,
        longest=min(longest, getattr(loaded.model.config, "max_position_embeddings", longest)),
        rank=rank if lora else 0,
        packed=packing,
        patience=patience,
        bfloat16=learning.is_bfloat16(precision),
    )
    return learning.learn(
        student, data, work, how, answers_only=answers_only, blocks=False, samples=samples
    )

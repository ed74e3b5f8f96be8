"""Fine-tuning: a pretrained encoder learns the classes, by transformers' Trainer.

Guarantee: on one machine's CPU the same data, settings and seed give the same answers, also when a
fit was ended in the middle and goes on from its checkpoint, which is written after each epoch.

Accepted: an encoder helps as far as its tokenizer can read the texts; a note says how much of them
it cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from curation.embedding.models import device
from curation.errors import MissingExtra
from curation.parameters import Range
from curation.training.learners import Cost, Data, Outcome, Part, Point, Work, learner
from curation.training.pytorch import (
    UNFAMILIAR,
    ClassWeights,
    Optimizer,
    computing,
    weights_of_classes,
)

if TYPE_CHECKING:
    from transformers import TrainingArguments

POINTS = 20
"""Points of the training loss in a learning curve."""


@learner("Fine-tuned encoder", task="classification", model="encoder")
def encoder(
    data: Data,
    work: Work,
    *,
    model: Annotated[str, "a folder or a name on the Hub; empty for the bundled MiniLM"] = "",
    optimizer: Annotated[Optimizer, "how the gradient becomes a step"] = "adamw",
    rate: Annotated[float, "size of a step of the pretrained weights", Range(1e-7, 1.0)] = 1e-4,
    epochs: Annotated[int, "most passes over the examples", Range(1, 1000)] = 5,
    batch: Annotated[int, "examples for each step", Range(1, 4096)] = 16,
    warm_up: Annotated[float, "share of the steps in which the rate rises", Range(0, 0.9)] = 0.1,
    decay: Annotated[float, "weight decay: how much weights shrink", Range(0, 1)] = 0.01,
    longest: Annotated[int, "tokens of a text that are read", Range(4, 8192)] = 128,
    class_weights: Annotated[
        ClassWeights, "balanced: a rare class counts as much as a frequent one"
    ] = "balanced",
    patience: Annotated[
        int, "epochs without a lower validation loss until it stops; 0 for never", Range(0, 1000)
    ] = 2,
    freeze: Annotated[bool, "train the last layer only, and leave the encoder as it is"] = False,
) -> Outcome:
    """Fine-tune a pretrained encoder with a linear layer on the mean of its tokens' vectors.

    The layer learns ten times faster than the encoder. The loss is the cross-entropy. The weights
    after the epoch with the lowest validation loss are kept. With `work.steps` the training takes
    exactly as many steps and does not stop early. Raises CurationError for a model that is missing
    or cannot be read safely.
    """
    with computing(work.seed):
        try:
            from transformers import DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback
        except ImportError:
            raise MissingExtra("transformers", "embed") from None
        from curation.lm.models import load_encoder
        from curation.training import finetuning
        from curation.training.trainer import Curve, last_checkpoint

        pretrained = load_encoder(model)
        tokenizer = pretrained.tokenizer
        positions = getattr(pretrained.model.config, "max_position_embeddings", longest)
        longest = min(longest, positions, tokenizer.model_max_length)
        train, validation, test = (
            finetuning.examples(tokenizer, part.texts, _labels(part), longest)
            for part in (data.train, data.validation, data.test)
        )
        weights = weights_of_classes(_labels(data.train), len(data.classes), class_weights)
        network = finetuning.Classifier(pretrained.model, len(data.classes), weights, freeze)
        curve = Curve(lambda **values: work.report(Point(**values)), work.progress)
        stops = patience if validation and not work.steps else 0
        trainer = finetuning.Trainer(
            optimizer,
            model=network,
            args=_arguments(work, bool(validation), epochs, batch, rate, warm_up, decay),
            train_dataset=train,
            eval_dataset=validation or None,
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
            callbacks=[
                curve,
                *([EarlyStoppingCallback(stops)] if stops else []),
            ],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=last_checkpoint(work.folder))
        scores = finetuning.logits(network, tokenizer, test)
        probabilities = _softmax(scores)
    tokens = int(trainer.state.num_input_tokens_seen)
    cost = Cost(
        curve.seconds,
        tokens,
        int(trainer.state.global_step),
        sum(p.numel() for p in network.parameters() if p.requires_grad),
        finetuning.operations_per_token(network) * tokens,
    )
    share = finetuning.unknown_share(tokenizer, test)
    return Outcome(cost, probabilities=probabilities, notes=_notes(share, pretrained.title))


def _labels(part: Part) -> np.ndarray:
    assert part.labels is not None
    return part.labels


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _arguments(
    work: Work,
    validated: bool,
    epochs: int,
    batch: int,
    rate: float,
    warm_up: float,
    decay: float,
) -> TrainingArguments:
    from transformers import TrainingArguments

    best: dict[str, Any] = {}
    if validated:
        best = {
            "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss",
            "greater_is_better": False,
        }
    return TrainingArguments(
        output_dir=str(work.folder),
        seed=work.seed,
        use_cpu=device() == "cpu",
        num_train_epochs=epochs,
        max_steps=work.steps or -1,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        learning_rate=rate,
        warmup_steps=warm_up,
        weight_decay=decay,
        train_sampling_strategy="group_by_length",
        include_num_input_tokens_seen="non_padding",
        eval_strategy="epoch" if validated else "no",
        remove_unused_columns=False,
        label_names=["labels"],
        save_strategy="epoch",
        save_total_limit=1,
        restore_callback_states_from_checkpoint=True,
        logging_strategy="steps",
        logging_steps=1 / POINTS,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **best,
    )


def _notes(share: float, title: str) -> tuple[str, ...]:
    """A sentence about what the tokenizer cannot read, where that is much."""
    if share < UNFAMILIAR:
        return ()
    return (
        f"{share:.0%} of the tokens of the test texts are unknown to the tokenizer of {title}, so "
        "it cannot read them; take an encoder that was trained on this language.",
    )

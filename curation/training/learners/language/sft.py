"""Training of causal language models by TRL's SFTTrainer, and the losses of their answers.

Import this module inside a function: it needs torch, transformers and TRL.

Guarantee: a fit that was ended in the middle goes on from its last whole checkpoint and gives what
an undisturbed one gives. What is learned and what is measured are the same tokens, by the same
function.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from datasets import Dataset, disable_progress_bars
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed
from transformers.utils import logging
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from curation.chat.template import render
from curation.dataset import Message, Progress, silent
from curation.embedding.models import device
from curation.lm.conversations import Tokens, rendered
from curation.lm.losses import AT_ONCE, answer_losses, token_losses
from curation.training.learners import Cost, Point, Work
from curation.training.pytorch import Optimizer, check_loss, optimizer_of
from curation.training.trainer import Curve, last_checkpoint

PARTS = 5
"""Number of times in a training that the validation loss is measured and a checkpoint written."""

VALIDATED = 64
"""Validation examples whose loss is measured during training, spread evenly; all would take long."""

ANSWERED = 80
"""Tokens of a sample answer at most."""

Schedule = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True)
class Schooling:
    """The settings of a training.

    batch: rows of a step. warm_up: share of the steps in which the rate rises. rank: of LoRA's
    matrices; 0 trains all weights. packed: the rows are conversations to be packed into rows of
    `longest` tokens. patience: measurements without a lower validation loss after which training
    ends; 0 for never. bfloat16: multiply matrices in bfloat16.
    """

    epochs: int
    batch: int
    rate: float
    optimizer: Optimizer
    schedule: Schedule
    warm_up: float
    decay: float
    longest: int
    rank: int = 0
    packed: bool = False
    patience: int = 0
    bfloat16: bool = False


class Trainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, which computes the loss from the logits of learned tokens only.

    TRL's own loss multiplies every position by the whole vocabulary three times on a CPU, and
    measures entropy and accuracy besides.
    """

    def __init__(self, schooling: Schooling, checked: Sequence[Tokens], **options: Any) -> None:
        self._schooling, self._checked = schooling, checked
        super().__init__(**options)
        self.model_accepts_loss_kwargs = True  # the loss is divided by the tokens of a whole step

    def create_optimizer(self, model: Any = None) -> Any:
        """Make the optimizer that was chosen, for the weights that are trained."""
        trained: Any = model or self.model
        weights = [weight for weight in trained.parameters() if weight.requires_grad]
        how = self._schooling
        self.optimizer = optimizer_of(how.optimizer, weights, how.rate, how.decay)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Warm up for whole steps, rounded down: the first step of a warm-up changes nothing."""
        self.args.warmup_steps = int(self._schooling.warm_up * num_training_steps)
        return super().create_scheduler(num_training_steps, optimizer)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss per learned token of the whole step."""
        losses, learned = token_losses(model, **inputs)
        total = learned.sum() if num_items_in_batch is None else num_items_in_batch
        loss = losses.sum() / torch.as_tensor(total).clamp(min=1)
        check_loss(float(loss.detach()), self.state.global_step + 1)
        return loss

    def create_model_card(self, *args: Any, **options: Any) -> None:
        """Write no card: a checkpoint is for going on from, not for publishing."""

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        """Measure the validation loss per token of the answers."""
        with self.accelerator.autocast():
            sums = answer_losses(self.model, self._checked, self._tokenizer.pad_token_id)
        loss = float(sums.sum()) / sum(row.answer_tokens for row in self._checked)
        check_loss(loss, self.state.global_step)
        metrics = {"eval_loss": loss}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def table_of(rows: Sequence[Tokens]) -> Dataset:
    """Return rows as the trainer reads them."""
    return Dataset.from_dict(
        {"input_ids": [row.ids for row in rows], "labels": [row.labels for row in rows]}
    )


def fit(
    model: Any,
    tokenizer: Any,
    rows: Dataset,
    validation: Sequence[Tokens],
    work: Work,
    how: Schooling,
    progress: Progress = silent,
) -> tuple[Any, Cost]:
    """Train a model on rows and return it with a receipt.

    rows: columns input_ids and labels. validation: empty for none. With `work.steps` exactly that
    many steps are done, whatever the epochs and the validation loss say. Raises CurationError where
    the loss is no number.
    """
    set_seed(work.seed)
    if how.rank:
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(
            task_type="CAUSAL_LM", r=how.rank, lora_alpha=2 * how.rank, target_modules="all-linear"
        )
        model = get_peft_model(model, lora)
    checked = _spread(validation, VALIDATED)
    stops_early = bool(how.patience and checked and not work.steps)
    curve = Curve(lambda **point: work.report(Point(**point)), progress)
    extra = [EarlyStoppingCallback(how.patience)] if stops_early else []
    disable_progress_bars()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL uses names that will go; peft mends a flag
        trainer = Trainer(
            how,
            checked,
            model=model,
            args=_arguments(rows, bool(checked), stops_early, work, how),
            train_dataset=rows,
            eval_dataset=table_of(checked) if checked else None,
            processing_class=tokenizer,
            callbacks=[curve, *extra],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=last_checkpoint(work.folder))
    trained = sum(w.numel() for w in model.parameters() if w.requires_grad)
    every = sum(w.numel() for w in model.parameters())
    tokens = int(trainer.state.num_input_tokens_seen)
    # Forward and the gradient of the activations need all weights, the weights' own gradient only
    # those that are trained.
    flops = (4.0 * every + 2.0 * trained) * tokens
    return trainer.model, Cost(curve.seconds, tokens, trainer.state.global_step, trained, flops)


def _spread(rows: Sequence[Tokens], most: int) -> list[Tokens]:
    """Return at most so many rows that have an answer, evenly spread."""
    rows = [row for row in rows if row.answer_tokens]
    return rows[:: max(1, -(-len(rows) // most))]


def _arguments(
    rows: Dataset, validated: bool, stops_early: bool, work: Work, how: Schooling
) -> SFTConfig:
    longest = how.longest if how.packed else max(map(len, rows["input_ids"]))
    at_once = max(
        size
        for size in range(1, how.batch + 1)
        if how.batch % size == 0 and (size == 1 or size * longest <= AT_ONCE)
    )
    return SFTConfig(
        output_dir=str(work.folder),
        seed=work.seed,
        use_cpu=device() == "cpu",
        bf16=how.bfloat16,
        gradient_checkpointing=False,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=how.batch // at_once,
        num_train_epochs=how.epochs,
        max_steps=work.steps or -1,
        learning_rate=how.rate,
        lr_scheduler_type=how.schedule,
        max_length=how.longest if how.packed else None,
        packing=how.packed,
        eval_packing=False,
        train_sampling_strategy="random" if how.packed else "group_by_length",
        include_num_input_tokens_seen="all" if how.packed else "non_padding",
        eval_strategy="steps" if validated else "no",
        eval_steps=1 / PARTS,
        save_strategy="steps",
        save_steps=1 / PARTS,
        save_total_limit=1,
        load_best_model_at_end=stops_early,
        restore_callback_states_from_checkpoint=True,  # how long no loss was lower
        metric_for_best_model="eval_loss" if stops_early else None,
        greater_is_better=False if stops_early else None,
        logging_steps=1 / (4 * PARTS),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def answer_to(
    model: Any, tokenizer: Any, messages: Sequence[Message], longest: int, tools: Any = None
) -> str:
    """Return the model's most likely answer to a conversation that ends with a prompt.

    longest: tokens of prompt and answer together; a longer prompt loses its beginning.
    """
    text = render(tokenizer, *rendered(messages, tools), prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    count = min(ANSWERED, max(1, longest // 2))
    prompt = torch.tensor([ids[-(longest - count) :]], device=device())
    model.eval()
    with torch.inference_mode():
        output = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=count,
            do_sample=False,
            use_cache=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    return str(tokenizer.decode(output[0, prompt.shape[1] :], skip_special_tokens=True)).strip()

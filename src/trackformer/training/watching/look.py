"""What is looked at in one training step, where this step is one to look at."""

from __future__ import annotations

from trackformer.tracking.tracker import settings_for
from trackformer.training.build_run import Run
from trackformer.training.optimizer import gradient_norms_by_part, rates_by_part
from trackformer.training.watching.diagnostics import diagnose
from trackformer.training.watching.observation import ObservedFrame


class Look:
    """Collects a step's frames and gradients; made at its beginning, silent if none is due."""

    def __init__(self, run: Run) -> None:
        settings, step = run.settings.diagnostics, run.step + 1
        is_main = run.accelerator.is_main_process
        self._run = run
        self._wants_numbers = is_main and settings.every > 0 and step % settings.every == 0
        wants_picture = settings.pictures_every > 0 and step % settings.pictures_every == 0
        self._wants_frames = self._wants_numbers or (is_main and wants_picture)
        self._gradient_norms: dict[str, float] = {}
        self.frames: list[ObservedFrame] = []

    def observe(self, frame: ObservedFrame) -> None:
        """Called with every frame of the step."""
        if self._wants_frames:
            self.frames.append(frame)

    def at_gradients(self) -> None:
        """Called between the backward pass and clipping."""
        if self._wants_numbers:
            self._gradient_norms = gradient_norms_by_part(self._run.model)

    def numbers(self) -> dict[str, float]:
        """All numbers of the step, at its end."""
        if not self._wants_numbers:
            return {}
        run = self._run
        with run.accelerator.autocast():
            numbers = diagnose(run.model, self.frames, settings_for(run.model))
        for part, norm in self._gradient_norms.items():
            numbers[f"gradient_norm_{part}"] = norm
        for part, rate in rates_by_part(run.model, run.optimizer).items():
            numbers[f"learning_rate_{part}"] = rate
        return numbers

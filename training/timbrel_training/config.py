"""Configurations: TOML files (`training/config/`) read into checked settings.

A file may say `extends = "OTHER.toml"`, a path from its own folder; what it says itself goes before, and a section that
names another `kind` stands for itself. Every key is described at its field below; one that is not there is an error, since
a misspelt setting would otherwise be silently left out.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin

from timbrel_training.errors import TrainingError
from timbrel_training.files import read_toml
from timbrel_training.geometry import PUBLISHED_RATE, Geometry
from timbrel_training.loss import LOSSES
from timbrel_training.progressive import BLOCKS, CHANNELS_BASE, CHANNELS_MAX
from timbrel_training.spectral import NAMES


# What a network that makes waves and no images has for a representation.
WAVE = "wave"


@dataclass(frozen=True)
class DataConfig:
    """What is learnt from."""

    # Lowest and highest MIDI pitch; notes beyond are left out.
    pitch_min: int = 24
    pitch_max: int = 84
    # Each recording is brought to this peak; 0 leaves levels as recorded.
    peak: float = 0.0
    # Notes are cut to so many seconds and brought to so many Hz (`reduced.py`); the paper's are 4 and 16000.
    seconds: float = 4.0
    sample_rate: int = PUBLISHED_RATE
    # Where the images are kept: "disk" (a cache beside the data, mapped) or "device" (all in its memory).
    keep: str = "disk"


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator: its kind (`generators.py`), and the settings of that kind."""

    kind: str = "progressive"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The discriminator, always the paper's."""

    channels_base: int = CHANNELS_BASE
    channels_max: int = CHANNELS_MAX


@dataclass(frozen=True)
class LossConfig:
    """The loss: "wgan-gp" or "non-saturating" (`loss.py`)."""

    kind: str = "wgan-gp"
    penalty_weight: float = 10.0
    # The penalty is computed every so many steps, with so many times its weight.
    penalty_interval: int = 1
    # Of "wgan-gp" alone.
    drift: float = 1e-3
    # Weights of the pitch loss.
    pitch_weight_generator: float = 10.0
    pitch_weight_discriminator: float = 10.0


@dataclass(frozen=True)
class OptimiserConfig:
    """Adam for both networks, and the average of the generator's weights."""

    learning_rate: float = 8e-4
    beta1: float = 0.0
    beta2: float = 0.99
    # Of the generator's exponential moving average, a step.
    average_decay: float = 0.999
    # Start Adam afresh with each fade and each stable stage, as the published code does.
    restart_each_stage: bool = True
    # Share of the schedule, at its end, over which the learning rate falls linearly to a tenth.
    decay_share: float = 0.0


@dataclass(frozen=True)
class ScheduleConfig:
    """How long each resolution is trained: by "images" or by "minutes"."""

    kind: str = "images"
    # By images: in each stable stage, in each fade, and in all.
    stable_images: int = 800_000
    fade_images: int = 800_000
    total_images: int = 11_000_000
    # By minutes: for each resolution, and the share of each (but the first) in which it fades in.
    minutes: tuple[float, ...] = ()
    fade_share: float = 0.4
    # Images a step and process, for each resolution; the first one holds for those that are not named (as published).
    batch: tuple[int, ...] = (8,)
    # Whether resolution grows. A generator that is not progressive is trained on its images averaged down.
    grow: bool = True


@dataclass(frozen=True)
class SpeedConfig:
    """How it is computed. The first value of each is the published way."""

    # "float32", or "bfloat16" by autocast.
    precision: str = "float32"
    channels_last: bool = False
    # Compile the generator's activation (GPU).
    compile: bool = False
    # One batch of fakes for both networks, the discriminator's step first; else a batch for each, the generator's first.
    share_fakes: bool = False


@dataclass(frozen=True)
class ReportConfig:
    """What is written down, and how often."""

    # A line in the log every so many images.
    log_images: int = 10_000
    # Sample sheets and checkpoints, in minutes.
    sheet_minutes: float = 15.0
    save_minutes: float = 10.0
    # Latents on a sheet, each at six pitches; 0 for no sheets.
    sheet_latents: int = 3
    # "bfloat16" halves what a checkpoint keeps of Adam's moments; a resumed run then differs in the last digits.
    moments: str = "float32"


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    # One of the six, or "wave" where a network makes waves.
    representation: str = "if-mel-hires"
    seed: int = 1
    # Resolutions of generator and discriminator.
    blocks: int = BLOCKS
    data: DataConfig = DataConfig()
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    speed: SpeedConfig = SpeedConfig()
    report: ReportConfig = ReportConfig()

    @property
    def told_representation(self) -> str | dict[str, Any]:
        """What a generator is told of its images: a name, with sizes where they are reduced."""
        if self.representation == WAVE:
            return WAVE
        geometry = Geometry.reduced(self.representation, self.data.sample_rate, self.data.seconds)
        return geometry.settings if geometry != Geometry.published(self.representation) else self.representation


def read(path: Path) -> Config:
    """Reads a configuration.

    Raises:
        TrainingError: when a file is missing, is not TOML, or has a wrong setting.
    """
    return from_table(extended(read_toml(Path(path)), Path(path)), str(path))


def from_table(table: dict[str, Any], where: str) -> Config:
    """Checks a table of settings; `where` names it in the sentences."""
    table = dict(table)
    generator = table.get("generator")
    if isinstance(generator, dict) and "settings" not in generator:
        # What a kind of generator knows is known to its class alone.
        settings = {key: value for key, value in generator.items() if key != "kind"}
        table["generator"] = {"settings": settings, **({"kind": generator["kind"]} if "kind" in generator else {})}
    config = _section(Config, table, where, "")
    for name, value, known in (
        ("representation", config.representation, (*NAMES, WAVE)),
        ("loss.kind", config.loss.kind, tuple(LOSSES)),
        ("schedule.kind", config.schedule.kind, ("images", "minutes")),
        ("speed.precision", config.speed.precision, ("float32", "bfloat16")),
        ("report.moments", config.report.moments, ("float32", "bfloat16")),
        ("data.keep", config.data.keep, ("disk", "device")),
    ):
        if value not in known:
            raise TrainingError(f"{where}: {name} is {value!r}; use one of {', '.join(known)}.")
    # Raises where the sizes do not come out whole.
    _ = config.told_representation
    if not 1 <= config.blocks <= BLOCKS:
        raise TrainingError(f"{where}: blocks is {config.blocks}; an image can be halved at most {BLOCKS - 1} times.")
    schedule = config.schedule
    if schedule.kind == "minutes" and (len(schedule.minutes) != config.blocks or min(schedule.minutes) <= 0):
        raise TrainingError(f"{where}: schedule.minutes must name a time above 0 for each of {config.blocks} resolutions.")
    if not 1 <= len(schedule.batch) <= config.blocks or min(schedule.batch) < 1:
        raise TrainingError(f"{where}: schedule.batch must name 1 to {config.blocks} batch sizes above 0.")
    if not 0 <= config.data.pitch_min <= config.data.pitch_max <= 127:
        raise TrainingError(f"{where}: data.pitch_min and data.pitch_max must be MIDI pitches, the lower one first.")
    if min(config.loss.penalty_interval, schedule.stable_images, schedule.fade_images, config.report.log_images) < 1:
        raise TrainingError(f"{where}: counts of images and loss.penalty_interval must be at least 1.")
    return config


def to_table(config: Any) -> Any:
    """The plain values of a configuration, from which `from_table` makes it again."""
    if hasattr(config, "__dataclass_fields__"):
        return {item.name: to_table(getattr(config, item.name)) for item in fields(config)}
    return list(config) if isinstance(config, tuple) else config


def extended(table: dict[str, Any], path: Path, depth: int = 0) -> dict[str, Any]:
    """A table of the file `path`, laid over the file that it `extends`, if any."""
    table = dict(table)
    base = table.pop("extends", None)
    if base is None:
        return table
    if not isinstance(base, str) or depth > 8:
        raise TrainingError(f"{path}: extends must name one file, and no circle of files.")
    before = path.parent / base
    return laid_over(extended(read_toml(before), before, depth + 1), table)


def laid_over(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """`table` laid over `base`, section by section; a section of another kind replaces that of the base."""
    merged = dict(base)
    for key, value in table.items():
        before = base.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        is_same_kind = both and value.get("kind", before.get("kind")) == before.get("kind")
        merged[key] = laid_over(before, value) if is_same_kind else value
    return merged


def _section(kind: type, table: Any, where: str, prefix: str) -> Any:
    if not isinstance(table, dict):
        raise TrainingError(f"{where}: {prefix.rstrip('.')} must be a table of settings.")
    known = {item.name: item for item in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise TrainingError(f"{where}: there is no setting {prefix}{unknown[0]}; there are {', '.join(known)}.")
    values = {}
    for name, value in table.items():
        wanted = known[name].type
        if hasattr(wanted, "__dataclass_fields__"):
            values[name] = _section(wanted, value, where, f"{prefix}{name}.")
        else:
            values[name] = _value(wanted, value, f"{where}: {prefix}{name}")
    return kind(**values)


def _value(wanted: Any, value: Any, where: str) -> Any:
    origin = get_origin(wanted)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(get_args(wanted)[0], item, where) for item in value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is not tuple and isinstance(value, origin or wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    name = "list of numbers" if origin is tuple else (origin or wanted).__name__
    raise TrainingError(f"{where} is {value!r}; a {name} is needed.")

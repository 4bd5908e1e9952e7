"""linux.resources.blockIO: shares and limits of block devices (config-linux.md#block-io)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, int64, uint16, uint64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings

_LEAST, _MOST = 10, 1000


class WeightDevice(Record):
    """The weight for one device; at least one of the two is required."""

    major: int64
    minor: int64
    weight: uint16 = 0
    leaf_weight: uint16 = 0

    def check(self) -> None:
        """Refuse weights out of range, and none at all."""
        _check_weights(self)
        if not self.weight and not self.leaf_weight:
            raise ConfigError("one of weight and leafWeight is required")


class ThrottleDevice(Record):
    """The limit for one device, in bytes or operations a second; 0 is none."""

    major: int64
    minor: int64
    rate: uint64


class BlockIo(Record):
    """Weights are from 10 to 1000; 0 leaves them as they are."""

    weight: uint16 = 0
    leaf_weight: uint16 = 0
    weight_device: tuple[WeightDevice, ...] = ()
    throttle_read_bps_device: tuple[ThrottleDevice, ...] = ()
    throttle_write_bps_device: tuple[ThrottleDevice, ...] = ()
    throttle_read_iops_device: tuple[ThrottleDevice, ...] = ()
    throttle_write_iops_device: tuple[ThrottleDevice, ...] = ()

    def check(self) -> None:
        """Refuse weights out of range."""
        _check_weights(self)


def _check_weights(section: BlockIo | WeightDevice) -> None:
    for name, value in (("weight", section.weight), ("leafWeight", section.leaf_weight)):
        if value and not _LEAST <= value <= _MOST:
            raise ConfigError(f"{value} is out of range: {_LEAST} to {_MOST}", name)


def legacy(block_io: BlockIo) -> Settings:
    """blkio.*: of weights the scheduler's that is there, CFQ (until Linux 5.0) or BFQ."""
    if block_io.weight:
        yield "blkio.weight|blkio.bfq.weight", str(block_io.weight)
    if block_io.leaf_weight:
        yield "blkio.leaf_weight", str(block_io.leaf_weight)
    for device in block_io.weight_device:
        place = f"{device.major}:{device.minor}"
        if device.weight:
            yield "blkio.weight_device|blkio.bfq.weight_device", f"{place} {device.weight}"
        if device.leaf_weight:
            yield "blkio.leaf_weight_device", f"{place} {device.leaf_weight}"
    for name, _, throttles in _throttles(block_io):
        for throttle in throttles:
            yield f"blkio.throttle.{name}_device", f"{throttle.major}:{throttle.minor} {throttle.rate}"


def unified(block_io: BlockIo) -> Settings:
    """io.bfq.weight or io.weight, io.max."""
    if block_io.leaf_weight:
        raise ConfigError("cgroup v2 has nothing like it", "leafWeight")
    if block_io.weight:
        yield "io.bfq.weight|io.weight", f"{block_io.weight}|default {_io_weight(block_io.weight)}"
    for position, device in enumerate(block_io.weight_device):
        if device.leaf_weight:
            raise ConfigError("cgroup v2 has nothing like it", f"weightDevice[{position}].leafWeight")
        place = f"{device.major}:{device.minor}"
        yield "io.bfq.weight|io.weight", f"{place} {device.weight}|{place} {_io_weight(device.weight)}"
    for _, name, throttles in _throttles(block_io):
        for throttle in throttles:
            yield "io.max", f"{throttle.major}:{throttle.minor} {name}={throttle.rate or 'max'}"


def _throttles(block_io: BlockIo) -> tuple[tuple[str, str, tuple[ThrottleDevice, ...]], ...]:
    """Names on v1 and v2, and the limits."""
    return (
        ("read_bps", "rbps", block_io.throttle_read_bps_device),
        ("write_bps", "wbps", block_io.throttle_write_bps_device),
        ("read_iops", "riops", block_io.throttle_read_iops_device),
        ("write_iops", "wiops", block_io.throttle_write_iops_device),
    )


def _io_weight(weight: int) -> int:
    """10..1000 on 1..10000."""
    return 1 + (weight - _LEAST) * 9999 // (_MOST - _LEAST)

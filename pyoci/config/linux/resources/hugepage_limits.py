"""linux.resources.hugepageLimits: memory in huge pages (config-linux.md#huge-page-limits)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, uint64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings


class HugepageLimit(Record):
    """How many bytes in pages of one size, which is written as the kernel does: 2MB, 1GB."""

    page_size: str
    limit: uint64

    def check(self) -> None:
        """Refuse what is no size; whether the machine has such pages shows when the limit is written."""
        number, unit = self.page_size[:-2], self.page_size[-2:]
        if not (number.isascii() and number.isdecimal()) or number[0] == "0" or unit not in {"KB", "MB", "GB"}:
            raise ConfigError(f'invalid size "{self.page_size}": expected a number with KB, MB or GB', "pageSize")


def legacy(limits: tuple[HugepageLimit, ...]) -> Settings:
    """hugetlb.*.limit_in_bytes."""
    return _both(limits, "limit_in_bytes")


def unified(limits: tuple[HugepageLimit, ...]) -> Settings:
    """hugetlb.*.max."""
    return _both(limits, "max")


def _both(limits: tuple[HugepageLimit, ...], name: str) -> Settings:
    """The limit when pages are touched, and (Linux 5.7) the one when they are reserved, which needs no SIGBUS."""
    for limit in limits:
        yield f"hugetlb.{limit.page_size}.{name}", str(limit.limit)
        yield f"hugetlb.{limit.page_size}.rsvd.{name}?", str(limit.limit)

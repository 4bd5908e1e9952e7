from __future__ import annotations

import pytest

from pyoci.config.linux import resctrl_statistics


@pytest.fixture
def tree(tmp_path):
    """A resctrl with a class of the container's own, as the kernel shows it, in files."""
    for directory, files in {
        "info/L3": {"cbm_mask": "fffff", "min_cbm_bits": "1", "num_closids": "16"},
        "info/MB": {"bandwidth_gran": "10", "delay_linear": "1", "min_bandwidth": "10", "num_closids": "8"},
        ".": {"schemata": "    MB:0=100\n    L3:0=fffff\n"},
        "web": {"schemata": "    MB:0= 50\n    L3:0=0000f\n"},
        "web/mon_data/mon_L3_01": {"mbm_total_bytes": "Unavailable", "mbm_local_bytes": "3", "llc_occupancy": "7"},
        "web/mon_data/mon_L3_00": {"mbm_total_bytes": "5", "mbm_local_bytes": "4", "llc_occupancy": "6"},
        "web/mon_groups/web/mon_data/mon_L3_00": {"llc_occupancy": "9"},
    }.items():
        (tmp_path / directory).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / directory / name).write_text(f"{text}\n")
    return tmp_path


def test_of_is_the_class_and_the_whole(tree) -> None:
    assert resctrl_statistics.of({"path": f"{tree}/web", "mon_path": "", "remove": True}, str(tree)) == {
        "l3_cache_info": {"cbm_mask": "fffff", "min_cbm_bits": 1, "num_closids": 16},
        "l3_cache_schema_root": "L3:0=fffff", "l3_cache_schema": "L3:0=0000f",
        "mem_bw_info": {"bandwidth_gran": 10, "delay_linear": 1, "min_bandwidth": 10, "num_closids": 8},
        "mem_bw_schema_root": "MB:0=100", "mem_bw_schema": "MB:0= 50",
        "mbm_stats": [{"mbm_total_bytes": 5, "mbm_local_bytes": 4}, {"mbm_local_bytes": 3}],
        "cmt_stats": [{"llc_occupancy": 6}, {"llc_occupancy": 7}],
    }  # fmt: skip


def test_of_counts_the_container_alone_when_it_has_a_monitoring_group(tree) -> None:
    found = resctrl_statistics.of(
        {"path": f"{tree}/web", "mon_path": f"{tree}/web/mon_groups/web", "remove": False}, str(tree)
    )
    assert found["cmt_stats"] == [{"llc_occupancy": 9}]
    assert "mbm_stats" not in found


def test_of_has_only_what_the_processor_has(tree, tmp_path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/schemata").write_text("")
    assert resctrl_statistics.of({"path": f"{tree}/plain", "mon_path": "", "remove": True}, f"{tree}/plain") == {}

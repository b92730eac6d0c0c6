"""What other people and programs rely on by name: assets, partitions, checks, jobs, schedules.

A change here is a change of the project's interface. Where it is meant, write it down again with
`python -m movies_assets_tests.test_snapshot`, and read the difference before committing it.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from movies_assets.definitions import build_defs
from movies_assets.settings import ExportsSettings, PowerbiSettings, Settings

SNAPSHOT = Path(__file__).with_name("snapshot.json")


def snapshot() -> dict[str, Any]:
    # In any environment, and with every target of exports: unset ones have no assets.
    defaults = Settings.model_construct(
        postgres_url=SecretStr("postgresql://host/movies"),
        exports=ExportsSettings(parquet_url=SecretStr("/parquet"), delta_url=SecretStr("/delta")),
        powerbi=PowerbiSettings(dataset_id="dataset"),
    )
    repository = build_defs(defaults).get_repository_def()
    graph = repository.asset_graph
    assets = {"/".join(node.key.path): node for node in graph.asset_nodes}
    checks = {
        f"{'/'.join(k.asset_key.path)}: {k.name}": graph.get(k) for k in graph.asset_check_keys
    }
    return {
        "assets": {
            name: {
                "group": node.group_name,
                "partitions": str(node.partitions_def),
                "upstream": sorted("/".join(key.path) for key in node.parent_keys),
            }
            for name, node in sorted(assets.items())
        },
        "checks": {
            name: "blocking" if node.blocking else "not blocking"
            for name, node in sorted(checks.items())
        },
        "jobs": sorted(name for name in repository.job_names if not name.startswith("__")),
        "schedules": {
            schedule.name: f"{schedule.job_name} at {schedule.cron_schedule}"
            for schedule in repository.schedule_defs
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_assets_checks_jobs_and_schedules_are_what_they_were():
    assert snapshot() == json.loads(SNAPSHOT.read_text()), (
        "if this change of the interface is meant: python -m movies_assets_tests.test_snapshot"
    )


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=2) + "\n")

"""What operators deploy: files that parse, settings that exist, and metrics that the service has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from voiceguard.adapters.logs import FIELDS
from voiceguard.live.metrics import Metrics
from voiceguard.settings.catalogue import unknown_variables

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
METRICS = {
    sample_name for family in Metrics().registry.collect() for sample_name in (
        family.name, f"{family.name}_total", f"{family.name}_bucket", f"{family.name}_count", f"{family.name}_sum"
    )
}


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_in_a_file_is_a_setting(path: Path) -> None:
    names = re.findall(r"VOICEGUARD_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))
    assert [] == unknown_variables(names)


@pytest.mark.parametrize("name", ["monitoring/alerts.yaml", "monitoring/dashboard.json"])
def test_every_metric_that_is_watched_exists(name: str) -> None:
    names = set(re.findall(r"\bvoiceguard_[a-z_]+", (DEPLOY / name).read_text(encoding="utf-8")))
    assert names
    assert set() == names - METRICS


def test_every_alert_says_what_to_do() -> None:
    rules = documents("monitoring/alerts.yaml")[0]["groups"][0]["rules"]
    assert len(rules) == len({rule["alert"] for rule in rules})
    for rule in rules:
        assert {"summary", "action"} == set(rule["annotations"])
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_dashboard_has_panels_of_one_query_each() -> None:
    dashboard = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(places) == len(set(places))
    assert all(panel["targets"][0]["expr"] for panel in dashboard["panels"])


def test_kubernetes_workers_are_locked_down_and_probed() -> None:
    by_kind = {document["kind"]: document for document in documents("kubernetes/voiceguard.yaml")}
    assert {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"} == set(by_kind)
    pod = by_kind["Deployment"]["spec"]["template"]["spec"]
    worker = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"]
    assert worker["securityContext"]["readOnlyRootFilesystem"]
    assert ("/healthz", "/readyz") == (
        worker["livenessProbe"]["httpGet"]["path"], worker["readinessProbe"]["httpGet"]["path"]
    )
    for name in ("PodDisruptionBudget", "NetworkPolicy"):
        spec = by_kind[name]["spec"]
        labels = (spec.get("selector") or spec["podSelector"])["matchLabels"]
        assert labels == by_kind["Deployment"]["spec"]["template"]["metadata"]["labels"]


def test_compose_starts_two_workers_behind_tls_with_what_they_share() -> None:
    services = documents("compose.yaml")[0]["services"]
    assert {"voiceguard", "postgres", "redis", "caddy"} == set(services)
    assert ["serve", "--workers", "2"] == services["voiceguard"]["command"]
    assert services["voiceguard"]["read_only"]
    assert "ports" not in services["voiceguard"]


def test_image_installs_the_run_time_lock_alone_and_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements/run.lock" in text
    assert "dev.lock" not in text
    assert re.search(r"^USER 10001$", text, re.MULTILINE)


def test_operations_page_lists_every_metric_and_log_field() -> None:
    page = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert f"| `{name}` | {family.type} | {family.documentation} |" in page
    for field in FIELDS:
        assert f"`{field}`" in page, field

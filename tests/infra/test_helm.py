"""The Helm chart makes what Kubernetes takes, as far as this machine has Helm's library.

`make chart-check` installs it, with Kubernetes' schemas.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft7Validator

from rostra_adapters.postgres.database_url import read_url
from support.pages import PROJECT, blocks
from support.replication import nodes
from support.requirements import missing
from support.running import Rostra
from support.service import MASTER_KEY, SECRET, opened, posted
from support.waiting import block_until

CHART = PROJECT / "infra/deploy/helm/rostra"
TEMPLATES = sorted((CHART / "templates").iterdir())
KUBERNETES = ("1.27", "1.37")
PROCESSES = {"writer", "reader", "projector", "notify", "init"}
EVERYTHING = {
    "notify": {"enabled": True},
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a/b": "c"}},
    "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
    "readers": {"autoscaling": {"lagSeconds": 10}},
    "settings": {"ROSTRA_SCHEMA": "forum"},
    "writers": {"settings": {"ROSTRA_PUBLISH_RATE": "600/10"}, "storage": {"storageClass": "fast"}},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "comments", "operator": "Exists"}],
    "podAnnotations": {"a/b": "c"},
    "serviceAccount": {"annotations": {"a/b": "c"}},
    "front": {"service": {"annotations": {"a/b": "c"}}},
}
OWN_SERVERS: dict[str, Any] = {
    "database": {
        "cluster": {"enabled": False},
        "hosts": "db1,db2",
        "readHosts": "db2,db1",
        "ownerSecretName": "owner",
        "parameters": "sslmode=require",
        "failover": "lossy",
    },
    "readers": {"autoscaling": {"enabled": False}},
    "front": {"replicas": 1},
    "writers": {"replicas": 1},
    "networkPolicy": {"enabled": False},
}
CHOICES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "own-servers": OWN_SERVERS,
}
every_choice = pytest.mark.parametrize("choice", CHOICES)


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return found


def templates() -> str:
    return "\n".join(one.read_text("utf-8") for one in TEMPLATES)


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        missing("helm", "run `make chart-check`")


@cache
def resources(choice: str, tag: str = "") -> list[dict[str, Any]]:
    """Return what the chart makes of a choice of values."""
    with library("helm_python").Chart.load(str(CHART)) as chart:
        given = {**CHOICES[choice], "image": {"tag": tag}}
        files = chart.render(given, name="rostra", namespace="comments")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def named(choice: str, kind: str, name: str) -> dict[str, Any]:
    [found] = [
        one for one in resources(choice) if (one["kind"], one["metadata"]["name"]) == (kind, name)
    ]
    return found


def pods(choice: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the component and the pod of each workload."""
    for one in resources(choice):
        if "template" in one.get("spec", {}):
            template = one["spec"]["template"]
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"]


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    [container] = pod["containers"]
    return {it["name"]: it.get("value", it.get("valueFrom")) for it in container.get("env", [])}


def test_the_defaults_fit_the_schema_and_every_value_is_described() -> None:
    Draft7Validator.check_schema(schema())
    assert list(Draft7Validator(schema()).iter_errors(values())) == []
    for name in values():
        wrong = {**values(), name + "s": 1}
        assert list(Draft7Validator(schema()).iter_errors(wrong)), name

    def check(described: dict[str, Any], path: str) -> None:
        assert described.get("description", "").endswith("."), path
        for name, one in described.get("properties", {}).items():
            check(one, f"{path}.{name}")

    check(schema(), "values")


def test_the_values_that_the_readme_shows_are_valid() -> None:
    shown = [one.text for one in blocks(CHART / "README.md") if one.language == "yaml"]
    texts = [text for text in shown if not text.startswith("rules:")]  # of prometheus-adapter
    assert len(texts) == 2 and len(shown) == 3
    for text in texts:
        assert list(Draft7Validator(schema()).iter_errors(yaml.safe_load(text))) == [], text


def test_every_variable_command_and_option_of_the_chart_exists() -> None:
    reference = (PROJECT / "docs/reference/cli.md").read_text("utf-8")
    used = set(re.findall(r"\bROSTRA_[A-Z_]+", templates()))
    known = set(re.findall(r"`(ROSTRA_[A-Z_]+)`", reference))
    assert used - known <= {"ROSTRA_SECRET", "ROSTRA_SECRET_PREVIOUS", "ROSTRA_MASTER_KEY"}
    arguments = re.findall(r"args: \[(\w+)(.*)\]", templates())
    assert {command for command, _ in arguments} == {"serve", "project", "notify", "init"}
    for command, rest in arguments:
        section = re.split(r"^## ", reference.split(f"\n## rostra {command}\n")[1], maxsplit=1,
                           flags=re.MULTILINE)[0]  # fmt: skip
        for option in re.findall(r"--[a-z-]+", rest):
            assert f"`{option}`" in section, option


def test_the_chart_is_of_this_version_and_has_the_files_that_are_tested() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])
    for name, there in (("nginx.conf", "nginx-many.conf"), ("alerts.yaml", "alerts.yaml")):
        assert (CHART / "files" / name).resolve() == PROJECT / "infra/deploy" / there


def test_the_chart_passes_helm_lint() -> None:
    helm = library("helm_python")
    for choice, given in CHOICES.items():
        report = helm.lint(str(CHART), given, strict=True)
        assert report["errors"] == [], choice
        assert [one for one in report["messages"] if one["severity"] > 1] == [], choice


@pytest.mark.parametrize("version", KUBERNETES)
@every_choice
def test_every_resource_fits_the_schema_of_kubernetes(choice: str, version: str) -> None:
    validate = library("kubernetes_validate")
    kinds = set()
    for one in resources(choice):
        if one["apiVersion"].startswith(("postgresql.cnpg.io/", "monitoring.coreos.com/")):
            continue
        validate.validate(one, version, strict=True)
        kinds.add(one["kind"])
    assert {"StatefulSet", "Deployment", "Service", "ConfigMap", "Job"} <= kinds


@every_choice
def test_every_pod_is_without_rights_and_takes_no_variables_of_services(choice: str) -> None:
    components = dict(pods(choice))
    assert set(components) - {"front"} <= PROCESSES
    for component, pod in components.items():
        assert pod["automountServiceAccountToken"] is False
        # Kubernetes would set ROSTRA_PORT=tcp://… for the service of that name.
        assert pod["enableServiceLinks"] is False, component
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        mounted = {it["mountPath"] for it in container["volumeMounts"]}
        assert "/tmp" in mounted and (component == "front" or "/data" in mounted)
        if component not in ("front", "init"):
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert {"name": "metrics", "containerPort": 9100} in container["ports"]
            assert "9100" in environment(pod).values()
        if component in ("writer", "reader"):
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


@every_choice
def test_secrets_are_given_by_reference(choice: str) -> None:
    for component, pod in pods(choice):
        if component == "front":
            continue
        given = environment(pod)
        secret = [name for name in given if re.search("SECRET|KEY|PASSWORD|MAIL_URL", name)]
        assert "PGPASSWORD" in secret
        for name in secret:
            assert "secretKeyRef" in given[name], name
        for name, value in given.items():
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), name
    assert all(one["kind"] != "Secret" for one in resources(choice))


@every_choice
def test_selectors_choose_pods_of_the_chart(choice: str) -> None:
    labels = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in resources(choice)
        if "template" in one.get("spec", {})
    ]

    def chosen(selector: dict[str, str]) -> int:
        return sum(selector.items() <= each.items() for each in labels)

    for one in resources(choice):
        name, spec = one["metadata"]["name"], one.get("spec", {})
        match one["kind"]:
            case "Service" if name != "rostra-db-standbys":
                assert chosen(spec["selector"]) == 1, name
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
                assert chosen(spec["selector"]["matchLabels"]) == 1, name
            case "HorizontalPodAutoscaler":
                assert named(choice, "Deployment", spec["scaleTargetRef"]["name"])
                assert "replicas" not in named(choice, "Deployment", name)["spec"]
            case "NetworkPolicy":
                component = spec["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
                assert chosen(spec["podSelector"]["matchLabels"]) == 1 or component == "notify"


@every_choice
def test_requests_and_databases_are_reached_by_names_that_exist(choice: str) -> None:
    services = {
        one["metadata"]["name"] for one in resources(choice) if one["kind"] == "Service"
    } | ({"rostra-db-rw"} if choice != "own-servers" else {"db1", "db2"})
    nginx = named(choice, "ConfigMap", "rostra-front")["data"]["default.conf"]
    upstreams = re.findall(r"^\s*server ([\w-]+):8080", nginx, re.MULTILINE)
    assert upstreams == ["rostra-readers", "rostra-writers", "rostra-writers"]
    assert set(upstreams) <= services
    for _, pod in pods(choice):
        for name, value in environment(pod).items():
            if name.endswith("DATABASE_URL") or name == "ROSTRA_OWNER_URL":
                hosts = re.fullmatch(r"postgresql://\w+@([^/]+)/rostra\?(.+)", value)
                assert hosts and set(hosts[1].split(",")) <= services, value
                assert "target_session_attrs=" in hosts[2]
                assert read_url(value).dsn.startswith("postgresql://")


def test_a_cluster_loses_no_commit_unless_it_may() -> None:
    spec = named("defaults", "Cluster", "rostra-db")["spec"]
    assert spec["instances"] == 3
    assert spec["postgresql"]["synchronous"] == {
        "method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True,
    }  # fmt: skip
    assert spec["postgresql"]["parameters"]["hot_standby_feedback"] == "on"
    with library("helm_python").Chart.load(str(CHART)) as chart:
        files = chart.render({"database": {"failover": "lossy"}}, name="a", namespace="b")
    cluster, *_ = yaml.safe_load_all(files["rostra/templates/cluster.yaml"])
    assert cluster["spec"]["postgresql"]["synchronous"]["dataDurability"] == "preferred"
    writers = files["rostra/templates/writers.yaml"]
    assert re.search(r"name: ROSTRA_FAILOVER\n\s+value: lossy\n", writers)
    assert "a-rostra-db-rw" in writers


def test_another_version_is_another_job() -> None:
    def job(tag: str) -> str:
        [found] = [one for one in resources("defaults", tag) if one["kind"] == "Job"]
        return str(found["metadata"]["name"])

    assert job("1") == job("1") != job("2")


def test_readers_are_scaled_by_processor_and_on_request_by_lag() -> None:
    metrics = {
        choice: named(choice, "HorizontalPodAutoscaler", "rostra-readers")["spec"]["metrics"]
        for choice in ("defaults", "everything")
    }
    assert [one["type"] for one in metrics["defaults"]] == ["Resource"]
    assert [one["type"] for one in metrics["everything"]] == ["Resource", "Pods"]
    [lag] = [one["pods"]["metric"]["name"] for one in metrics["everything"] if "pods" in one]
    assert f"`{lag}`" in (PROJECT / "docs/reference/metrics.md").read_text("utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        {"readerz": {}},
        {"database": {"failover": "perhaps"}},
        {"settings": {"PATH": "/"}},
        {"database": {"cluster": {"enabled": False}}},
        {"readers": {"replicas": 0}},
    ],
)
def test_a_wrong_value_is_refused(wrong: dict[str, Any]) -> None:
    helm = library("helm_python")
    with helm.Chart.load(str(CHART)) as chart, pytest.raises(helm.HelmError):
        chart.render(wrong, name="rostra", namespace="comments")


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.postgres
def test_the_containers_of_the_chart_serve_on_two_servers_with_two_roles(tmp_path: Path) -> None:
    """Each container's command runs here with its variables, on a primary and a standby."""
    secrets = {"ROSTRA_SECRET": SECRET, "ROSTRA_MASTER_KEY": MASTER_KEY.hex(), "password": "x"}
    with nodes(2) as [primary, standby], ExitStack() as stack:
        primary.execute(
            "create role rostra_owner login",
            "create role rostra_serving login",
            "alter database rostra owner to rostra_owner",
        )
        hosts = [f"127.0.0.1:{node.port}" for node in (primary, standby)]
        database = {
            **OWN_SERVERS["database"],
            "hosts": ",".join(hosts),
            "readHosts": ",".join(reversed(hosts)),
            "parameters": "",
        }
        with library("helm_python").Chart.load(str(CHART)) as chart:
            files = chart.render({"database": database}, name="rostra", namespace="comments")

        def process(name: str) -> tuple[list[str], Rostra]:
            found = list(yaml.safe_load_all(files[f"rostra/templates/{name}.yaml"]))
            pod = found[0]["spec"]["template"]["spec"]
            given = {
                variable: value if isinstance(value, str) else secrets[value["secretKeyRef"]["key"]]
                for variable, value in environment(pod).items()
                if isinstance(value, str) or not value["secretKeyRef"].get("optional")
            }
            for variable in [it for it in given if it.endswith("METRICS_PORT")]:
                del given[variable]  # they are those of containers, each with addresses of its own
            arguments = pod["containers"][0]["args"]
            if "--read-only" in arguments:
                given["ROSTRA_READ_ONLY"] = "true"
            return arguments, Rostra(tmp_path / name, None, **given)

        arguments, init = process("init")
        assert "rostra_serving may serve them" in init.must(*arguments)
        arguments, projector = process("projector")
        stack.enter_context(projector.started(*arguments))
        writer = stack.enter_context(process("writers")[1].serving())
        block_until(lambda: standby.has_replayed(primary))
        reader = stack.enter_context(process("readers")[1].serving())
        events = tmp_path / "events.ndjson"
        events.write_text("".join(json.dumps(one) + "\n" for one in (opened(), posted())))
        process("writers")[1].publish(writer, events)
        place: dict[str, Any] = {
            "site": "gazette",
            "resource": "/trams",
            "min_position": 2,
            "wait": 30,
        }
        assert len(reader.get("/v1/comments", **place)["comments"]) == 1
        refused = Request(reader.url + "/v1/events", data=b"{}", method="POST")
        with pytest.raises(HTTPError) as error, urlopen(refused):
            pass
        assert error.value.code == 503 and b"https://comments.example" in error.value.read()

"""The Helm chart, rendered by Helm and judged by the schemas of Kubernetes, KEDA, the Prometheus operator and Strimzi."""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared import access, topics
from shared.runtime import metrics
from tests.deploy import tools
from tests.deploy.rendering import CHART, VALUE_SETS, container, documents, helm, of_kind, template

WORKERS = ("ingest", "eligibility", "response", "safety", "notify")
SERVICES = ("intake", *WORKERS, "console")
STRIMZI = ("KafkaTopic", "KafkaUser")
UPGRADE = ("--is-upgrade",)


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUE_SETS)
def test_helm_finds_no_fault_in_the_chart(values: str) -> None:
    """`helm lint --strict` with each set of values."""
    done = helm(["lint", "--strict", CHART, "--values", CHART / "ci" / f"{values}.yaml"])
    assert done.returncode == 0, _said(done)


@pytest.mark.parametrize("more", [(), UPGRADE], ids=["install", "upgrade"])
@pytest.mark.parametrize("values", VALUE_SETS)
def test_kubernetes_knows_every_field(values: str, more: tuple[str, ...], tmp_path: Path) -> None:
    """Each object of its own kinds against its own schema, unknown fields refused."""
    custom = (*tools.custom_resources(), *STRIMZI)
    for number, document in enumerate(d for d in documents(values, *more) if d["kind"] not in custom):
        (tmp_path / f"{number:03}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    files = sorted(tmp_path.iterdir())
    done = tools.run(
        [tools.python() / "kubernetes-validate", "--strict", "--quiet", "-k", tools.KUBERNETES, *files], cwd=tmp_path
    )
    assert files
    assert done.returncode == 0, _said(done)


def test_operators_know_every_field_of_theirs() -> None:
    """ScaledObject, TriggerAuthentication, ServiceMonitor and PrometheusRule against their published definitions."""
    seen = set()
    for kind, path in tools.custom_resources().items():
        schema = _strict(_definition(path, "keda.sh/v1alpha1" if "keda" in path.name else "monitoring.coreos.com/v1"))
        for document in of_kind("full", kind).values():
            # Its patterns are Go's; those that a document meets are Python's too.
            assert [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(document)] == []
            seen.add(kind)
    assert seen == set(tools.custom_resources())


def _definition(path: Path, version: str) -> dict[str, Any]:
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    (found,) = [v for v in definition["spec"]["versions"] if v["name"] == version.partition("/")[2]]
    schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
    return schema


def _strict(schema: Any) -> Any:
    """The same, refusing what a cluster would drop in silence; `metadata` is Kubernetes' own."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items()}
    properties = schema.get("properties")
    if isinstance(properties, dict) and schema.get("type") == "object" and "additionalProperties" not in schema:
        strict["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields", False))
    if schema.get("x-kubernetes-int-or-string"):
        strict.pop("type", None)
    return strict


def _by_strimzi(resources: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    return tools.run(tools.strimzi(), input=yaml.safe_dump_all(resources))


def test_strimzi_knows_every_field_of_topics_and_users() -> None:
    """Read by the classes of its own operators; a field that these do not know is named."""
    resources = [d for kind in STRIMZI for d in of_kind("full", kind).values()]
    done = _by_strimzi(resources)
    assert done.stdout.splitlines() == [f"{len(resources)} resources read"], _said(done)
    wrong = copy.deepcopy(resources[0])
    wrong["spec"]["replicaz"] = 3
    assert "spec.replicaz: unknown" in _by_strimzi([wrong]).stdout


def test_topics_and_users_are_those_of_the_tables() -> None:
    """Every topic with its settings, every service and the operator with their rights, a site's topic and an engine besides."""
    made = of_kind("full", "KafkaTopic")
    assert set(made) == {t.name for t in topics.ALL} | {"north-fhir"}
    for topic in topics.ALL:
        assert made[topic.name]["spec"]["config"] == {**topic.settings, "min.insync.replicas": "2"}
        assert made[topic.name]["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    users = of_kind("full", "KafkaUser")
    of_the_site = {"ingest": ("Read", "Describe"), "operator": ("Describe",)}
    assert set(users) == {access.principal(s) for s in access.USERS} | {"engine-north"}
    for service in access.USERS:
        own = {(r.resource, r.name, r.operations) for r in access.rights(service)}
        own |= {("topic", "north-fhir", of_the_site[service])} if service in of_the_site else set()
        assert _acls(users[access.principal(service)]) == own
    assert {operations for _, _, operations in _acls(users["engine-north"])} == {("Write", "Describe")}


def _acls(user: dict[str, Any]) -> set[tuple[str, str, tuple[str, ...]]]:
    acls = user["spec"]["authorization"]["acls"]
    return {(a["resource"]["type"], a["resource"]["name"], tuple(a["operations"])) for a in acls}


@pytest.mark.parametrize(
    ("values", "holders"),
    [("minimal", {"ingest"}), ("full", {"ingest", "console"}), ("existing", {"ingest"}), ("airgapped", {"ingest"})],
)
def test_who_is_given_which_secret(values: str, holders: set[str]) -> None:
    """The crosswalk's key goes to ingest, and to a console that may re-identify; the intake gets no secret but Kafka's."""
    given = {
        d["metadata"]["labels"]["app.kubernetes.io/component"]: {
            e["name"] for e in container(d)["env"] if e["name"].endswith("_FILE")
        }
        for d in of_kind(values, "Deployment").values()
    }
    assert {name for name, files in given.items() if "GRAFTWATCH_CROSSWALK_KEY_FILE" in files} == holders
    assert given.get("intake", {"KAFKA_SASL_PASSWORD_FILE"}) == {"KAFKA_SASL_PASSWORD_FILE"}
    assert all("DATABASE_URL_FILE" in files for name, files in given.items() if name != "intake")
    assert not any(d["kind"] == "Secret" for d in documents(values))


@pytest.mark.parametrize("values", VALUE_SETS)
def test_every_pod_is_restricted(values: str) -> None:
    """As the Pod Security Standard `restricted` asks, with a root file system that nobody writes."""
    pods = [*of_kind(values, "Deployment").values(), *of_kind(values, "Job").values()]
    assert pods
    for pod in pods:
        spec = pod["spec"]["template"]["spec"]
        security = container(pod)["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
        assert spec["automountServiceAccountToken"] is False
        assert container(pod)["resources"]["limits"]["memory"]


def test_probes_ask_for_progress() -> None:
    """Ready is who progresses; restarted is whose own work stands still, for far longer than a try takes."""
    for pod in of_kind("minimal", "Deployment").values():
        one = container(pod)
        assert one["readinessProbe"]["httpGet"]["path"] == "/health"
        assert one["livenessProbe"]["httpGet"]["path"] == one["startupProbe"]["httpGet"]["path"] == "/alive"


@pytest.mark.parametrize("values", ["minimal", "full"])
def test_each_service_reaches_only_what_it_must(values: str) -> None:
    """DNS and Kafka for all, the database for all but the intake, the outside for notify and console alone."""
    policies = of_kind(values, "NetworkPolicy")
    ports = {
        name.removeprefix("gw-"): {p["port"] for rule in policy["spec"]["egress"] for p in rule["ports"]}
        for name, policy in policies.items()
    }
    inside = {53, 9093, 5432} | ({4318} if values == "full" else set())
    assert ports["intake"] == inside - {5432}
    assert all(ports[name] == inside for name in ("ingest", "eligibility", "response", "safety"))
    assert ports["prepare"] == {53, 9093, 5432}
    assert ports["notify"] == inside | {443, 465, 587}
    assert ports["console"] == inside | {443}
    reached = {name for name, p in policies.items() if p["spec"]["ingress"]}
    assert reached == (set() if values == "minimal" else {f"gw-{name}" for name in SERVICES})
    from_the_web = {name for name, p in policies.items() if "ingress-nginx" in str(p["spec"]["ingress"])}
    assert from_the_web == (set() if values == "minimal" else {"gw-console", "gw-intake", "gw-notify"})


def test_what_people_and_engines_reach_from_outside() -> None:
    """The console whole, of intake and notify only /fhir; all over TLS, and notify knows how subscribers see it."""
    served = {name: d["spec"] for name, d in of_kind("full", "Ingress").items()}
    paths = {name: [p["path"] for r in s["rules"] for p in r["http"]["paths"]] for name, s in served.items()}
    assert paths == {"gw-console": ["/"], "gw-intake": ["/fhir"], "gw-notify": ["/fhir"]}
    assert all(s["tls"][0]["secretName"] for s in served.values())
    (host,) = served["gw-notify"]["tls"][0]["hosts"]
    assert _variables("full", "notify")["GRAFTWATCH_NOTIFY_URL"] == f"https://{host}"


def _variables(values: str, service: str) -> dict[str, str]:
    told = container(of_kind(values, "Deployment")[f"gw-{service}"])["env"]
    return {one["name"]: one["value"] for one in told}


def _mounted(pod: dict[str, Any], path: str) -> dict[str, str]:
    """Which key of which Secret lies at which path under this mount of a pod; nothing where there is no such mount."""
    names = [m["name"] for m in container(pod)["volumeMounts"] if m["mountPath"] == path]
    (volume,) = [v for v in pod["spec"]["template"]["spec"]["volumes"] if v["name"] in names] or [{}]
    whole = [{**volume["secret"], "name": volume["secret"]["secretName"]}] if "secret" in volume else []
    sources = whole or [s["secret"] for s in volume.get("projected", {}).get("sources", [])]
    return {f"{path}/{i['path']}": f"{s['name']}/{i['key']}" for s in sources for i in s["items"]}


@pytest.mark.parametrize(
    ("values", "authority"),
    [("full", {"/run/database/ca.crt": "hospital-postgres-ca/ca.crt"}),
     ("airgapped", {"/run/database/ca.crt": "hospital-ca/ca.crt"}), ("minimal", {})],
)  # fmt: skip
def test_whoever_opens_the_database_can_verify_it(values: str, authority: dict[str, str]) -> None:
    """The house's authority lies in every such pod, those of the migrations too; the intake, which opens none, has none."""
    pods = {**of_kind(values, "Deployment"), **of_kind(values, "Job"), **of_kind(values, "Job", *UPGRADE)}
    opening = {name: pod for name, pod in pods.items() if "DATABASE_URL_FILE" in str(container(pod)["env"])}
    jobs = {"gw-migrate", "gw-migrate-pre"} | (set() if values == "airgapped" else {"gw-migrate-post"})
    assert set(opening) == jobs | {f"gw-{s}" for s in (*WORKERS, "console")}
    for name, pod in pods.items():
        found = _mounted(pod, "/run/database")
        own = {path: secret for path, secret in found.items() if "/tls." in path}
        assert {p: s for p, s in found.items() if p not in own} == (authority if name in opening else {})
        shows = {"gw-safety": "database-safety-tls"} | dict.fromkeys(jobs, "database-migrator-tls")
        of = shows.get(name) if values == "full" else None
        assert own == ({f"/run/database/tls.{part}": f"{of}/tls.{part}" for part in ("crt", "key")} if of else {})


@pytest.mark.parametrize(
    ("values", "service", "variable"),
    [("full", "notify", "GRAFTWATCH_NOTIFY_CA_FILE"), ("airgapped", "console", "GRAFTWATCH_OIDC_CA_FILE")],
)
def test_receivers_and_the_provider_are_verified_by_the_authority_of_the_house(
    values: str, service: str, variable: str
) -> None:
    """Where the values name one: mounted, and named to the service that needs it."""
    file = _variables(values, service)[variable]
    pods = of_kind(values, "Deployment")
    assert _mounted(pods[f"gw-{service}"], "/run/trusted") == {file: "hospital-ca/ca.crt"}
    assert [name for name, pod in pods.items() if _mounted(pod, "/run/trusted")] == [f"gw-{service}"]
    assert variable not in _variables("minimal", service)


def test_an_upgrade_migrates_before_and_after() -> None:
    """pre before anything of the new release, post after; an installation does both at once; post can be left to people."""
    jobs = {name: container(j)["command"] for name, j in of_kind("minimal", "Job", *UPGRADE).items()}
    assert jobs == {
        "gw-migrate-pre": ["graftwatch", "migrate", "--phase", "pre"],
        "gw-migrate-post": ["graftwatch", "migrate", "--phase", "post"],
    }
    hooks = {n: j["metadata"]["annotations"]["helm.sh/hook"] for n, j in of_kind("minimal", "Job", *UPGRADE).items()}
    assert hooks == {"gw-migrate-pre": "pre-upgrade", "gw-migrate-post": "post-upgrade"}
    assert {n: container(j)["command"] for n, j in of_kind("minimal", "Job").items()} == {
        "gw-migrate": ["graftwatch", "migrate"]
    }
    assert set(of_kind("airgapped", "Job", *UPGRADE)) == {"gw-migrate-pre"}


def test_scaling_is_by_what_waits_and_bounded_by_partitions() -> None:
    """Of ingest its group's lag; of those who decide, and take hints at once, how long patients of this release wait."""
    scaled = of_kind("full", "ScaledObject")
    assert set(scaled) == {f"gw-{name}" for name in ("ingest", "eligibility", "response", "safety")}
    for name, one in scaled.items():
        (trigger,) = one["spec"]["triggers"]
        service, told = name.removeprefix("gw-"), trigger["metadata"]
        if service == "ingest":
            assert (trigger["type"], told["consumerGroup"]) == ("kafka", "graftwatch-ingest")
        else:
            (asked,) = re.findall(r'^max\((\w+)\{service="(\w+)", namespace="trials"\}\)$', told["query"])
            assert trigger["type"] == "prometheus"
            assert asked == (metrics.OLDEST_BEHIND._name, service)
            assert told["ignoreNullValues"] == "false"
        assert one["spec"]["maxReplicaCount"] <= topics.DEFAULT_PARTITIONS
        assert "replicas" not in of_kind("full", "Deployment")[name]["spec"]


def _relabelled(service: dict[str, Any], endpoint: dict[str, Any]) -> dict[str, str]:
    """The labels of a scraped service: the operator's own of job and service, then what the endpoint relabels."""
    labels = {"job": service["metadata"]["name"], "service": service["metadata"]["name"]}
    found = {
        f"__meta_kubernetes_service_label_{re.sub('[^a-zA-Z0-9]', '_', k)}": v
        for k, v in service["metadata"]["labels"].items()
    }
    for rule in endpoint["relabelings"]:
        sources = [found[name] for name in rule.get("sourceLabels", ())]
        labels[rule["targetLabel"]] = rule.get("replacement") or ";".join(sources)
    return labels


def test_services_carry_the_labels_that_alerts_ask_for() -> None:
    """Job and service as in prometheus.yaml, whichever of the two scrapes; a metric's own words count in both."""
    (monitor,) = of_kind("full", "ServiceMonitor").values()
    (endpoint,) = monitor["spec"]["endpoints"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    scraped = [s for s in of_kind("full", "Service").values() if wanted <= s["metadata"]["labels"].items()]
    assert all(endpoint["port"] in {p["name"] for p in s["spec"]["ports"]} for s in scraped)
    here = [_relabelled(s, endpoint) for s in scraped]
    (job,) = yaml.safe_load((tools.ROOT / "deploy/prometheus/prometheus.yaml").read_text())["scrape_configs"]
    there = [{"job": job["job_name"], **one["labels"]} for one in job["static_configs"]]
    assert sorted(map(str, here)) == sorted(map(str, there))
    assert endpoint["honorLabels"] is job["honor_labels"] is True
    asked = re.findall(r'\b(job|service)="(\w+)"', str(_alerts("full")))
    assert {label for label, _ in asked} == {"job", "service"}
    assert all(any(labels[label] == value for labels in here) for label, value in asked)


def test_no_alert_waits_for_a_service_that_the_release_leaves_out() -> None:
    """Missing is who should be there: the intake where it is installed, no console where there is none."""
    assert set(re.findall(r'service="(\w+)"', _missing("full"))) == set(SERVICES)
    without = _missing("full", "--set", "services.console.enabled=false,ingress.console.enabled=false")
    assert set(re.findall(r'service="(\w+)"', without)) == set(SERVICES) - {"console"}


def _alerts(values: str, *more: str) -> list[dict[str, Any]]:
    (rules,) = of_kind(values, "PrometheusRule", *more).values()
    return [rule for group in rules["spec"]["groups"] for rule in group["rules"]]


def _missing(values: str, *more: str) -> str:
    (rule,) = [r for r in _alerts(values, *more) if r["alert"] == "GraftwatchServiceMissing"]
    expression: str = rule["expr"]
    return expression


def test_an_air_gapped_house_pulls_from_its_own_registry_by_digest() -> None:
    """Nothing else is pulled."""
    images = {container(d)["image"] for kind in ("Deployment", "Job") for d in of_kind("airgapped", kind).values()}
    assert images == {f"registry.hospital.example/clinical/graftwatch@sha256:{'0123456789abcdef' * 4}"}
    assert "gw-intake" not in of_kind("airgapped", "Deployment")


BAD = {
    "no broker": (["kafka.bootstrapServers="], "kafka.bootstrapServers is not set"),
    "no login": (["services.ingest.databaseSecret.name="], "services.ingest.databaseSecret.name is not set"),
    "one login for two": (
        ["services.console.databaseSecret.key=ingest"],
        "services.ingest and services.console have one database secret|services.console and services.ingest have one",
    ),
    "no key of the crosswalk": (["secrets.crosswalkKey.name="], "secrets.crosswalkKey.name is not set"),
    "no key of the pseudonyms": (["secrets.pseudonymKey.name="], "secrets.pseudonymKey.name is not set"),
    "more workers than partitions": (["services.safety.replicas=13"], "13 is more than kafka.partitions 12"),
    "scaled beyond the partitions": (
        ["services.ingest.autoscaling.enabled=true", "services.ingest.autoscaling.max=24"],
        "autoscaling.max 24 is more than kafka.partitions 12",
    ),
    "scaled by what nobody can be asked": (
        ["services.safety.autoscaling.enabled=true"],
        "services.safety.autoscaling needs monitoring.prometheusAddress",
    ),
    "scaled by a lag that is always none": (["services.safety.autoscaling.lag=2000"], "lag"),
    "a page that the ingress cannot reach": (
        [f"ingress.console.{told}" for told in ("enabled=true", "host=a.example", "tlsSecret=a")],
        "networkPolicy.web.from is empty",
    ),
    "metrics that Prometheus cannot read": (
        ["monitoring.serviceMonitor.enabled=true"],
        "networkPolicy.metrics.from is empty",
    ),
    "the crosswalk's key for another": (["services.safety.env.GRAFTWATCH_CROSSWALK_KEY=x"], "GRAFTWATCH_CROSSWALK_KEY"),
    "a password among the values": (["services.ingest.env.GRAFTWATCH_SMTP_URL=x"], "GRAFTWATCH_SMTP_URL"),
    "a webhook that is a key": (
        [f"notify.webhookSecrets[0].{told}" for told in ("variable=GRAFTWATCH_CROSSWALK_KEY", "name=a", "key=b")],
        "webhookSecrets/0/variable",
    ),
    "records in clear": (["kafka.security.protocol=PLAINTEXT"], "sends records of patients in clear"),
    "a console without TLS": (["console.address=http://graftwatch.example"], "console/address"),
    "a console nobody can log in to": (["console.oidc.issuer="], "console.oidc.issuer is not set"),
    "an ingress without a certificate": (["ingress.console.enabled=true", "ingress.console.host=a.example"], "tlsSecret"),
    "subscriptions that nobody finds": (
        [f"ingress.notify.{told}" for told in ("enabled=true", "host=a.example", "tlsSecret=a")],
        "notify.address is not set",
    ),
    "a network that is everywhere": (["networkPolicy.kafka.to=null"], "networkPolicy.kafka.to is empty"),
    "an image that changes": (["image.tag=latest"], "image/tag"),
    "an unknown service": (["services.alerts.enabled=true"], "alerts"),
    "a misspelt value": (["kafka.partition=6"], "partition"),
    "a collector that no network leads to": (["traces.endpoint=http://a:4318"], "networkPolicy.traces.to is empty"),
    "Strimzi without a cluster": (["kafka.strimzi.enabled=true"], "kafka.strimzi.cluster is not set"),
    "nobody is told": (["configuration.recipients="], "nobody would be told of anything"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_refused_by_name(case: str) -> None:
    """The message names the value and what to do; nothing is rendered."""
    told, expected = BAD[case]
    done = template("minimal", *(word for one in told for word in ("--set", one)))
    assert done.returncode != 0
    assert any(part in done.stderr for part in expected.split("|")), done.stderr
    assert done.stdout == ""


def test_all_faults_are_named_at_once() -> None:
    """Whoever installs it mends them together."""
    done = template("minimal", "--set", "kafka.bootstrapServers=", "--set", "secrets.pseudonymKey.name=")
    assert "kafka.bootstrapServers is not set" in done.stderr
    assert "secrets.pseudonymKey.name is not set" in done.stderr

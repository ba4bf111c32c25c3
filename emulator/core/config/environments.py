"""`[env.NAME]`: which configuration a named environment has (messages 19 to 21 of spec: peers §5).

Most fields are inherited and replaced as a whole; bindings and variables are not inherited at all,
which is the most usual surprise, so what an environment lacks is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.config.bindings import binding_names
from emulator.core.config.fields import is_worker_name
from emulator.core.config.report import as_table, did_you_mean, js_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config.report import Report

__all__ = ["TOP_LEVEL", "environment_names", "with_environment"]

_TOP_LEVEL_ONLY: Final = tuple(
    """
    $schema send_metrics keep_vars dev site wasm_modules text_blobs data_blobs alias addresses
    dependencies_instrumentation pages_build_output_dir env legacy_env
    """.split()  # noqa: SIM905 - lines of quoted words would be harder to read
)
_INHERITABLE: Final = tuple(
    """
    name main compatibility_date compatibility_flags account_id base_dir rules build no_bundle
    minify keep_names find_additional_modules preserve_file_names tsconfig jsx_factory jsx_fragment
    triggers route routes workers_dev preview_urls limits placement assets migrations exports
    observability logpush upload_source_maps python_modules access cache previews compliance_region
    first_party_worker logfwdr
    """.split()  # noqa: SIM905
)
_NOT_INHERITABLE: Final = tuple(
    """
    vars durable_objects secrets define services kv_namespaces queues r2_buckets d1_databases
    workflows containers cloudchamber tail_consumers streaming_tail_consumers send_email unsafe
    vectorize ai_search_namespaces ai_search hyperdrive analytics_engine_datasets browser ai images
    stream media version_metadata dispatch_namespaces mtls_certificates pipelines
    secrets_store_secrets artifacts ratelimits unsafe_hello_world flagship worker_loaders
    vpc_services vpc_networks
    """.split()  # noqa: SIM905
)
TOP_LEVEL: Final = _TOP_LEVEL_ONLY + _INHERITABLE + _NOT_INHERITABLE
_IN_ENVIRONMENT: Final = _INHERITABLE + _NOT_INHERITABLE


def environment_names(raw: Mapping[str, object]) -> tuple[str, ...]:
    """The environments that a file has, in its order."""
    return tuple(as_table(raw.get("env")))


def with_environment(
    raw: Mapping[str, object], environment: str, report: Report, top: Report
) -> Mapping[str, object]:
    """The configuration of an environment, as if it stood at the top level.

    Args:
        report: for what is wrong in the environment.
        top: for one that does not exist.
    """
    own = as_table(raw.get("env")).get(environment)
    if own is None:
        _unknown_environment(raw, environment, top)
        return {**raw, **_suffixed_name(raw, environment)}
    if not isinstance(own, dict):
        key = f"env.{environment}"
        top.error(key, f'The field "{key}" should be an object but got {js_json(own)}.')
        return raw
    _check_fields(own, environment, report)
    inherited = {key: raw[key] for key in raw if key not in _NOT_INHERITABLE and key != "env"}
    for field in _NOT_INHERITABLE:
        if field in raw and field not in own:
            report.warn(
                f"env.{environment}",
                f'"{field}" exists at the top level, but not on "env.{environment}".\n'
                f'This is not what you probably want, since "{field}" is not inherited by '
                f'environments.\nPlease add "{field}" to "env.{environment}".',
            )
    _check_bindings(raw, own, environment, report)
    _check_vars(raw, own, environment, report)
    own = {key: value for key, value in own.items() if key in _IN_ENVIRONMENT}
    return {**inherited, **_suffixed_name(raw, environment), **own}


def _suffixed_name(raw: Mapping[str, object], environment: str) -> Mapping[str, object]:
    name = raw.get("name")
    # A wrong name is told as it stands in the file, and once.
    is_right = isinstance(name, str) and is_worker_name(name) and name != ""
    return {"name": f"{name}-{environment}"} if is_right else {}


def _unknown_environment(raw: Mapping[str, object], environment: str, report: Report) -> None:
    known = environment_names(raw)
    names = (
        f"The available configured environment names are: {js_json(list(known))}\n" if known else ""
    )
    file_name = report.path.replace("\\", "/").rpartition("/")[2]
    problem = (
        f'No environment found in configuration with name "{environment}".\n'
        f"Before using `--env={environment}` there should be an equivalent environment section in "
        f"the configuration.\n{names}\n"
        f"Consider adding an environment configuration section to the {file_name} file:\n"
        f"```\n[env.{environment}]\n```"
    )
    tell = report.error if known else report.warn
    tell("env", problem, hint=did_you_mean(environment, known))


def _check_fields(own: Mapping[str, object], environment: str, report: Report) -> None:
    prefix = f"env.{environment}."
    misplaced = [key for key in own if key in _TOP_LEVEL_ONLY]
    for key in misplaced:
        report.warn(
            prefix + key,
            f'Unexpected fields found in env.{environment} field: "{key}"',
            hint=f'"{key}" counts at the top level only.',
        )
    others = [key for key in own if key not in misplaced]
    report.unexpected(f"env.{environment}", others, _IN_ENVIRONMENT, prefix=prefix)


def _check_bindings(
    raw: Mapping[str, object], own: Mapping[str, object], environment: str, report: Report
) -> None:
    field = "durable_objects"
    if not as_table(own.get(field)):
        return
    names = binding_names(own.get(field))
    missing = [name for name in binding_names(raw.get(field)) if name not in names]
    if not missing:
        return
    path = f"env.{environment}.{field}"
    listed = "\n".join(f"- {name}" for name in missing)
    report.warn(
        path,
        f'The following bindings are at the top level, but not on "env.{environment}".\n'
        f'This is not what you probably want, since "{field}" configuration is not inherited by '
        f'environments.\nPlease add a binding for each to "{path}.bindings":\n{listed}',
    )


def _check_vars(
    raw: Mapping[str, object], own: Mapping[str, object], environment: str, report: Report
) -> None:
    if not isinstance(own.get("vars"), dict):
        return
    missing = [name for name in as_table(raw.get("vars")) if name not in as_table(own["vars"])]
    if not missing:
        return
    path = f"env.{environment}.vars"
    listed = "\n".join(f"- {name}" for name in missing)
    report.warn(
        path,
        f'The following vars exist at the top level, but not on "{path}".\n'
        'This is probably not what you want, since "vars" configuration is not inherited by '
        f'environments.\nPlease add these vars to "{path}":\n{listed}',
    )

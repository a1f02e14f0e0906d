"""What the two tools of the TLS audit found, and whether any of it is above informational.

    audit.py sslyze PORT AUTHORITY    scans localhost:PORT, whose certificate AUTHORITY vouches for
    audit.py testssl REPORT           reads a report (--jsonfile)
"""

import json
import sys
from pathlib import Path

# About the machine that runs the tool, not about the server.
OF_THE_TOOL = {"engine_problem", "scanTime"}
# A run that ended early would have found nothing either: these must be among what was looked at.
LOOKED_AT = {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipher_order", "heartbleed", "ROBOT", "LUCKY13"}


def testssl(report):
    found = json.loads(Path(report).read_text())
    missing = LOOKED_AT - {entry["id"] for entry in found}
    # A warning says that the tool could not tell, as on a busy machine. What has to be told is told above, or by sslyze.
    counts = lambda e: e["severity"] != "WARN" or e["id"] in LOOKED_AT
    above = [e for e in found if e["severity"] not in {"OK", "INFO"} and e["id"] not in OF_THE_TOOL and counts(e)]
    problems = [f"not looked at: {name}" for name in sorted(missing)]
    problems += [f"{entry['severity']} {entry['id']}: {entry['finding']}" for entry in above]
    return len(found), problems


def sslyze(port, authority):
    import warnings

    warnings.simplefilter("ignore")
    from sslyze import (
        CertificateInfoExtraArgument,
        Scanner,
        ScanCommand,
        ScanCommandAttemptStatusEnum,
        ScanCommandsExtraArguments,
        ServerNetworkLocation,
        ServerScanRequest,
    )
    from sslyze.mozilla_tls_profile import tls_config_checker as mozilla

    extra = ScanCommandsExtraArguments(certificate_info=CertificateInfoExtraArgument(Path(authority)))
    # Everything but the headers of HTTP.
    commands = set(ScanCommand) - {ScanCommand.HTTP_HEADERS}
    scanner = Scanner()
    location = ServerNetworkLocation(hostname="localhost", ip_address="127.0.0.1", port=int(port))
    scanner.queue_scans([ServerScanRequest(location, scan_commands=commands, scan_commands_extra_arguments=extra)])
    (scan,) = scanner.get_results()
    if scan.scan_result is None:
        return 0, ["the server cannot be reached"]
    problems = []
    for command in commands:
        attempt = getattr(scan.scan_result, command.value)
        if attempt.status is not ScanCommandAttemptStatusEnum.COMPLETED:
            problems.append(f"{command.value}: not completed: {attempt.error_reason}")
    intermediate = mozilla.MozillaTlsConfiguration.get(mozilla.TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    try:
        mozilla.check_server_against_tls_configuration(scan, intermediate)
    except mozilla.ServerNotCompliantWithTlsConfiguration as error:
        problems += [f"{key}: {text}" for key, text in error.issues.items() if key != "certificate_path_validation"]
    problems += list(untrusted(scan)) + list(flaws(scan.scan_result))
    return len(commands), problems


def untrusted(scan):
    """The chain must lead to the authority of this run; of the public ones none knows it."""
    for deployment in scan.scan_result.certificate_info.result.certificate_deployments:
        own = [path for path in deployment.path_validation_results if path.trust_store.name == "Supplied CA file"]
        if not own or not own[0].was_validation_successful:
            yield f"the chain is not trusted: {[path.validation_error for path in own]}"
        if not deployment.received_chain_has_valid_order:
            yield "the chain is out of order"


def flaws(scan):
    """What sslyze looks for besides Mozilla's table."""
    resumption = scan.session_resumption.result
    resumed = (resumption.session_id_resumption_result.name, resumption.tls_ticket_resumption_result.name)
    facts = {
        "Heartbleed": scan.heartbleed.result.is_vulnerable_to_heartbleed,
        "CCS injection": scan.openssl_ccs_injection.result.is_vulnerable_to_ccs_injection,
        "ROBOT": not scan.robot.result.robot_result.name.startswith("NOT_VULNERABLE"),
        "renegotiation by the client": scan.session_renegotiation.result.is_vulnerable_to_client_renegotiation_dos,
        "insecure renegotiation": not scan.session_renegotiation.result.supports_secure_renegotiation,
        "compression": scan.tls_compression.result.supports_compression,
        "no protection from downgrades": not scan.tls_fallback_scsv.result.supports_fallback_scsv,
        "no extended master secret": not scan.tls_extended_master_secret.result.supports_ems_extension,
        "early data": scan.tls_1_3_early_data.result.supports_early_data,
        f"no resumption: {resumed}": "FULLY_SUPPORTED" not in resumed,
    }
    return (name for name, holds in facts.items() if holds)


if __name__ == "__main__":
    checks, problems = {"sslyze": sslyze, "testssl": testssl}[sys.argv[1]](*sys.argv[2:])
    for problem in problems:
        print(f"  {problem}")
    print(f"  {checks} checks, {len(problems)} above informational")
    sys.exit(bool(problems) or not checks)

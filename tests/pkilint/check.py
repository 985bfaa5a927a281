"""Runs pkilint's linters over a folder of certificates, CRLs and OCSP responses.

    check.py LINTERS FOLDER

Fails for a finding of severity WARNING or above that is not allowed below, and for an allowed one that is
not found: then the allowance is out of date.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# (file, finding) and why; argued in docs/API-NOTES.md, "Certificates".
ALLOWED = {
    ("leaf-long-name.cer", "itu.invalid_asn1_syntax"): "X.520 ends common names at 64 characters, registration IDs have up to 128",
    ("server.cer", "pkix.invalid_domain_name_syntax"): "localhost has one label, and is what a server on a laptop is called",
}

# Issuer and subject, linted together.
PAIRS = [
    ("root", "issuing"),
    ("issuing", "leaf-p256"),
    ("issuing", "leaf-p384"),
    ("issuing", "leaf-rsa"),
    ("issuing", "leaf-azure"),
    ("issuing", "responder"),
    ("served-root", "served-issuing"),
    ("served-issuing", "served-leaf"),
    ("served-issuing", "served-responder"),
]


def commands(folder):
    """What to run: the name of the file and the linter's arguments."""
    for file in sorted(folder.iterdir()):
        if file.suffix == ".cer":
            yield file.name, ["lint_pkix_cert", "lint"], [file]
        elif file.suffix == ".crl":
            kind = "ARL" if file.stem in ("root", "served-root") else "CRL"
            yield file.name, ["lint_crl", "lint", "-t", kind, "-p", "PKIX"], [file]
        elif file.suffix == ".ors":
            yield file.name, ["lint_ocsp_response", "lint"], [file]
        else:
            sys.exit(f"{file.name}: no linter for it")
    for issuer, subject in PAIRS:
        files = [folder / f"{issuer}.cer", folder / f"{subject}.cer"]
        yield f"{issuer} + {subject}", ["lint_pkix_signer_signee_cert_chain", "lint"], files


def lint(linters, command):
    """The findings of one linter: (file, code, severity and message)."""
    name, (program, *arguments), files = command
    run = subprocess.run(
        [linters / program, *arguments, "-s", "WARNING", "-f", "JSON", *files], capture_output=True, text=True
    )
    try:
        results = json.loads(run.stdout)["results"]
    except (ValueError, KeyError):
        sys.exit(f"{name}: {program} failed: {run.stdout}{run.stderr}")
    return [
        (name, finding["code"], f"{finding['severity']} at {result['node_path']}: {finding.get('message', '')}")
        for result in results
        for finding in result["finding_descriptions"]
    ]


def main():
    linters, folder = Path(sys.argv[1]), Path(sys.argv[2])
    todo = list(commands(folder))
    with ThreadPoolExecutor(2) as pool:
        found = [finding for findings in pool.map(lambda one: lint(linters, one), todo) for finding in findings]
    wrong = [f"{name}: {code}: {text}" for name, code, text in found if (name, code) not in ALLOWED]
    seen = {(name, code) for name, code, _ in found}
    wrong += [f"{name}: {code} is allowed and not found" for name, code in ALLOWED if (name, code) not in seen]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"pkilint: {len(todo)} runs, no finding but {len(ALLOWED)} that are argued")


if __name__ == "__main__":
    main()

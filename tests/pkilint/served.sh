#!/usr/bin/env bash
# Runs a server and keeps what it signs: certificates of a root, an issuing CA, a device and an OCSP responder, CRLs,
# and OCSP responses. For linters (tests/pkilint/run.sh).
#
#   tests/pkilint/served.sh PROVOST FOLDER
set -euo pipefail

provost=$(realpath "$1") folder=$(realpath "$2")
work=$(mktemp -d)
server=
finish() {
    test -z "$server" || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# A name with two labels: the linter takes `localhost` for no name.
printf '[registry]\npublication = ["http://pki.example"]\nocsp = true\n' >provost.toml
"$provost" serve --config provost.toml --https-port 0 --mqtt-port 0 --http-port "$port" --ready-file ready.json >serve.log 2>&1 &
server=$!
for _ in $(seq 300); do
    test ! -s ready.json || break
    kill -0 "$server" || { cat serve.log >&2; exit 1; }
    sleep 0.1
done

quiet() { "$@" >said.log 2>&1 || { cat said.log >&2; exit 1; }; }
quiet "$provost" adr namespace create --name plant --enable-certificate-management --policy-name line
quiet "$provost" hub update --namespace plant
quiet "$provost" dps update --namespace plant
quiet "$provost" adr credential sync --ns plant
quiet "$provost" simulate --devices 1 --prefix cell --attestation symmetric --credential-policy line
quiet "$provost" adr certificate show --ns plant --device cell-0000001 --out leaf.pem
quiet "$provost" adr authority show --ns plant --role root --out root.pem
quiet "$provost" adr authority show --ns plant --role issuing --out issuing.pem

for name in leaf root issuing; do
    openssl x509 -in "$name.pem" -outform DER -out "$folder/served-$name.cer"
done
base="http://localhost:$port"
uri=$(openssl x509 -in leaf.pem -noout -ocsp_uri)
path=${uri#http://pki.example/ocsp/}
test "$path" != "$uri" || { echo "no responder in the leaf: $uri" >&2; exit 1; }
responder="$base/ocsp/$path"

# ask NAME WANTED ARGUMENTS…: the answer, kept once it says what is wanted
ask() {
    local name=$1 wanted=$2
    shift 2
    for _ in $(seq 100); do
        openssl ocsp -issuer issuing.pem "$@" -url "$responder" -CAfile root.pem -verify_other issuing.pem \
            -respout "$folder/served-$name.ors" >answer.log 2>&1 || true
        ! grep -q ": $wanted" answer.log || return 0
        sleep 0.1
    done
    cat answer.log >&2
    exit 1
}
ask nonce good -cert leaf.pem
ask good good -no_nonce -cert leaf.pem
ask sha256 good -sha256 -no_nonce -cert leaf.pem
ask unknown unknown -no_nonce -serial 0x4242
quiet "$provost" adr device revoke --ns plant --name cell-0000001 --yes
ask revoked revoked -no_nonce -cert leaf.pem
openssl ocsp -respin "$folder/served-good.ors" -noverify -resp_text |
    openssl x509 -outform DER -out "$folder/served-responder.cer"

for name in issuing root; do
    id=$(openssl x509 -in "$name.pem" -noout -subject | grep -o '[0-9a-f]\{32\}')
    curl --silent --fail "$base/crl/$id/0.crl" -o "$folder/served-$name.crl"
done

#!/bin/sh
# Makes every certificate the SDK checks use, with openssl, in the folder given.
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
chain="$here/../../samples/certificates.sh"

# Chains: each kind of machine has a root, an intermediate and leafs.
for kind in press lathe mill saw drill oven; do
    "$chain" "$folder/$kind" "$kind-0001" "$kind-0002" >/dev/null
done

# Self-signed leafs for individual enrollments: self_signed FILE COMMON-NAME
self_signed() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$folder/$1.key"
    openssl req -x509 -new -sha256 -key "$folder/$1.key" -subj "/CN=$2" -days 365 \
        -addext "extendedKeyUsage=clientAuth" -out "$folder/$1.pem"
}
self_signed robot-primary robot-0001
self_signed robot-secondary robot-0001
self_signed sensor-0001 sensor-0001
self_signed sensor-0002 sensor-0002

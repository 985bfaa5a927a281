#!/bin/sh
# Makes every certificate the SDK checks use, with openssl, in the folder given.
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
chain="$here/../../samples/certificates.sh"

# Chains: each kind of machine has a root, an intermediate and leafs.
for kind in press lathe mill saw drill oven gate fence door; do
    "$chain" "$folder/$kind" "$kind-0001" "$kind-0002" >/dev/null
done

# Three generations of the same device: below one root, and each below a root of its own.
for generation in 1 2 3; do
    mkdir -p "$folder/belt-$generation"
    if [ "$generation" != 1 ]; then
        cp "$folder/belt-1/root.pem" "$folder/belt-1/root.key" "$folder/belt-$generation/"
    fi
    "$chain" "$folder/belt-$generation" belt-0001 >/dev/null
    "$chain" "$folder/kiln-$generation" kiln-0001 >/dev/null
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
self_signed lock-0001 lock-0001
for generation in 1 2 3; do
    self_signed "lift-$generation" lift-0001
done

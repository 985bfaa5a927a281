#!/bin/sh
# Makes a P-256 certificate chain with openssl: root -> intermediate -> one leaf for each device named.
#
#   samples/certificates.sh FOLDER DEVICE...
#
# A root and an intermediate that are already in the folder are used again. For each device:
#   FOLDER/DEVICE.pem        the leaf alone
#   FOLDER/DEVICE-chain.pem  the leaf and the intermediate: what the device sends
#   FOLDER/DEVICE.key        the private key
set -eu

if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER DEVICE..." >&2
    exit 2
fi
folder=$1
shift
mkdir -p "$folder"
umask 077

new_key() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# sign SUBJECT KEY ISSUER OUTPUT DAYS EXTENSION...
sign() {
    subject=$1 key=$2 issuer=$3 output=$4 days=$5
    shift 5
    printf '%s\n' "$@" >"$folder/extensions.tmp"
    openssl req -new -sha256 -key "$key" -subj "$subject" -out "$folder/request.tmp"
    openssl x509 -req -sha256 -in "$folder/request.tmp" -days "$days" \
        -CA "$folder/$issuer.pem" -CAkey "$folder/$issuer.key" \
        -set_serial "0x$(openssl rand -hex 15)" -extfile "$folder/extensions.tmp" -out "$output" 2>/dev/null
    rm -f "$folder/extensions.tmp" "$folder/request.tmp"
}

if [ ! -e "$folder/root.pem" ]; then
    new_key "$folder/root.key"
    openssl req -x509 -new -sha256 -key "$folder/root.key" -subj "/CN=Sample root" -days 3650 \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -out "$folder/root.pem"
fi
if [ ! -e "$folder/intermediate.pem" ]; then
    new_key "$folder/intermediate.key"
    sign "/CN=Sample intermediate" "$folder/intermediate.key" root "$folder/intermediate.pem" 1825 \
        "basicConstraints=critical,CA:TRUE,pathlen:0" "keyUsage=critical,keyCertSign,cRLSign" \
        "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid"
fi
for device in "$@"; do
    new_key "$folder/$device.key"
    # The common name is the registration id of the device.
    sign "/CN=$device" "$folder/$device.key" intermediate "$folder/$device.pem" 365 \
        "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "extendedKeyUsage=clientAuth" \
        "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid"
    cat "$folder/$device.pem" "$folder/intermediate.pem" >"$folder/$device-chain.pem"
    echo "made $folder/$device-chain.pem and $folder/$device.key"
done

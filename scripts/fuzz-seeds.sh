#!/usr/bin/env bash
# Writes a few valid inputs for each fuzz target into FOLDER/TARGET, from which the fuzzer sets out.
#
#   scripts/fuzz-seeds.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=$1
rm -rf "$seeds"
mkdir -p "$seeds"/{certificate,mqtt_packet}

samples/certificates.sh "$seeds/pki" seed-0001 >/dev/null
for name in root intermediate seed-0001; do
    openssl x509 -in "$seeds/pki/$name.pem" -outform der -out "$seeds/certificate/$name.der"
done
openssl req -x509 -newkey rsa:2048 -nodes -subj "/C=DE/O=Seed/CN=rsa" -addext "subjectAltName=DNS:seed.test" \
    -keyout "$seeds/pki/rsa.key" -outform der -out "$seeds/certificate/rsa.der" 2>/dev/null

cd "$seeds/mqtt_packet"
printf '\x10\x18\x00\x04MQTT\x04\xc0\x00\x3c\x00\x02d1\x00\x02u1\x00\x02p1\x00\x00' >connect
printf '\x82\x0b\x00\x01\x00\x06$dps/#\x01' >subscribe
printf '\x32\x0d\x00\x05topic\x00\x02{"a":1}' >publish
printf '\xc0\x00\xe0\x00\x40\x02\x00\x01' >pings

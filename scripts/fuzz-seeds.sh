#!/usr/bin/env bash
# Writes a few valid inputs for each fuzz target into FOLDER/TARGET, from which the fuzzer sets out.
#
#   scripts/fuzz-seeds.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=$1
rm -rf "$seeds"
mkdir -p "$seeds"/{activation,arm_body,audit_line,certificate,chain_text,crl,csr,ocsp_request,http_route,json_body,mqtt_packet,mqtt_text,own_body,renewal,sas,sealed_key,signer_frame,telemetry_segment,token_uri}

samples/certificates.sh "$seeds/pki" seed-0001 >/dev/null
for name in root intermediate seed-0001; do
    openssl x509 -in "$seeds/pki/$name.pem" -outform der -out "$seeds/certificate/$name.der"
done
openssl req -x509 -newkey rsa:2048 -nodes -subj "/C=DE/O=Seed/CN=rsa" -addext "subjectAltName=DNS:seed.test" \
    -keyout "$seeds/pki/rsa.key" -outform der -out "$seeds/certificate/rsa.der" 2>/dev/null

# Requests of each kind of key, a list with and without entries, a question with and without a nonce.
for key in "EC -pkeyopt ec_paramgen_curve:P-256" "EC -pkeyopt ec_paramgen_curve:P-384" "RSA -pkeyopt rsa_keygen_bits:2048"; do
    name=$(tr -dc 'A-Z0-9' <<<"$key")
    # shellcheck disable=SC2086 # several words on purpose
    openssl genpkey -algorithm $key -out "$seeds/pki/request.key" 2>/dev/null
    openssl req -new -key "$seeds/pki/request.key" -subj "/CN=seed-0001" -addext "keyUsage=digitalSignature" \
        -outform der -out "$seeds/csr/$name.der"
done
(
    cd "$seeds/pki"
    : >index.txt
    echo 01 >number
    printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' >ca.cnf
    for entries in none one; do
        openssl ca -config ca.cnf -gencrl -cert intermediate.pem -keyfile intermediate.key -crldays 7 -out crl.pem 2>/dev/null
        openssl crl -in crl.pem -outform der -out "../crl/$entries.der"
        openssl ca -config ca.cnf -revoke seed-0001.pem -cert intermediate.pem -keyfile intermediate.key \
            -crl_reason keyCompromise 2>/dev/null || true
    done
    openssl ocsp -issuer intermediate.pem -cert seed-0001.pem -reqout ../ocsp_request/nonce.der
    openssl ocsp -sha256 -no_nonce -issuer intermediate.pem -cert seed-0001.pem -reqout ../ocsp_request/plain.der
)

cd "$seeds/mqtt_packet"
printf '\x10\x18\x00\x04MQTT\x04\xc0\x00\x3c\x00\x02d1\x00\x02u1\x00\x02p1\x00\x00' >connect
printf '\x82\x0b\x00\x01\x00\x06$dps/#\x01' >subscribe
printf '\x32\x0d\x00\x05topic\x00\x02{"a":1}' >publish
printf '\xc0\x00\xe0\x00\x40\x02\x00\x01' >pings

cd ../mqtt_text
printf '%s' '0ne00000001/registrations/d1/api-version=2019-03-31&ClientVersion=c%2F1' >dps-username
printf '%s' 'hub.test/d1/?api-version=2021-04-12&DeviceClientType=c%2F1' >hub-username
printf '%s' '$dps/registrations/PUT/iotdps-register/?$rid=1' >register
printf '%s' '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=5.a.b' >status
printf '%s' '$dps/registrations/res/202/?$rid=1&retry-after=3' >answer
printf '%s' 'devices/d1/messages/events/a=1&%24.ct=application%2Fjson' >telemetry
printf '%s' '$iothub/twin/PATCH/properties/reported/?$rid=3' >reported
printf '%s' '$iothub/methods/res/200/?$rid=4' >method
printf '%s' '$iothub/methods/POST/#' >filter

cd ../http_route
printf '%s' '1/0ne00000001/registrations/d1/register?api-version=2019-03-31' >register
printf '%s' '0/0ne00000001/registrations/d1/operations/5.a.b?api-version=2019-03-31' >status
printf '%s' '1/enrollments/d1?api-version=2021-10-01' >enrollment
printf '%s' '2/enrollmentGroups/query?api-version=2021-10-01' >query
printf '%s' '4/twins/d1?api-version=2021-04-12' >twin
printf '%s' '2/twins/d1/methods?api-version=2021-04-12' >method
printf '%s' '0/devices?top=10&api-version=2021-04-12' >devices

cd ../json_body
printf '%s' '{"registrationId":"d1","payload":{"a":[1,2.5,null]}}' >register
printf '%s' '{"operationId":"5.a.b","status":"assigned","registrationState":{"registrationId":"d1","status":"assigned"}}' >status
printf '%s' '{"a":{"b":{"c":null}},"$version":3}' >reported
printf '%s' '{"registrationId":"d1","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"AAAA","secondaryKey":""}},"etag":"x"}' >enrollment

cd ../sas
printf '%s' 'SharedAccessSignature sr=hub.test%2Fdevices%2Fd1&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1900000000' >device
printf '%s' 'SharedAccessSignature sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1900000000&skn=owner&sr=dps.test' >policy

# One message of device d1, generation 1, known auth method, property a=1.
cd ../telemetry_segment
printf '\x01\x17\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02d1\x00\x011\x01\x01\x01a\x021\x00{}' >message

# Texts of certificates; a chain a customer's CA made, behind the request it answers.
cat "$seeds/pki/seed-0001.pem" "$seeds/pki/intermediate.pem" >"$seeds/chain_text/chain.pem"
base64 -w 0 "$seeds/certificate/root.der" >"$seeds/chain_text/base64"
(
    cd "$seeds/pki"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ica.key 2>/dev/null
    openssl req -new -key ica.key -subj "/CN=ica-seed" -out ica.csr
    printf '%s\n' basicConstraints=critical,CA:TRUE,pathlen:0 keyUsage=critical,digitalSignature,keyCertSign,cRLSign \
        extendedKeyUsage=clientAuth subjectKeyIdentifier=hash authorityKeyIdentifier=keyid >ica.cnf
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout customer.key -out customer.pem \
        -days 9000 -subj /CN=customer -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign 2>/dev/null
    openssl x509 -req -in ica.csr -CA customer.pem -CAkey customer.key -days 8000 -sha384 -extfile ica.cnf \
        -out ica.pem 2>/dev/null
    { cat ica.csr && printf '#' && cat ica.pem customer.pem; } >../activation/chain
    # As Azure issues leaves: the identifier in a critical extension of its own.
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n%s\n' \
        "1.3.6.1.4.1.311.133.1.1.1=critical,DER:0420$(printf '%.0s0f0e0d0c0b0a49088706050403020100' 1 2)" >leaf.cnf
    openssl req -new -key ica.key -subj /CN=d1 -out leaf.csr
    openssl x509 -req -in leaf.csr -CA ica.pem -CAkey ica.key -days 30 -sha384 -extfile leaf.cnf -outform der \
        -out ../certificate/azure.der 2>/dev/null
)

cd "$seeds/arm_body"
printf '\x00%s' '{"location":"here","tags":{"a":"b"},"identity":{"type":"SystemAssigned"},"properties":{"messaging":{"endpoints":{"e":{"endpointType":"Microsoft.Devices/IotHubs","address":"h"}}}}}' >namespace
printf '\x02%s' '{"location":"here","properties":{}}' >credential
printf '\x04%s' '{"properties":{"certificate":{"certificateAuthorityConfiguration":{"keyType":"ECC","bringYourOwnRoot":{"enabled":true}},"leafCertificateConfiguration":{"validityPeriodInDays":30}}}}' >policy
printf '\x05%s' '{"properties":{"certificate":{"leafCertificateConfiguration":{"validityPeriodInDays":60}}}}' >policy-patch
printf '\x06%s' '{"certificateChain":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}' >activate
printf '\x07%s' '{"location":"here","properties":{"externalDeviceId":"d1","enabled":true,"attributes":{"a":{"b":1}},"policy":{"resourceId":"/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/n/credentials/default/policies/p"}}}' >device
printf '\x08%s' '{"properties":{"enabled":false,"operatingSystemVersion":"1"}}' >device-patch
printf '\x09%s' '{"disable":true}' >revoke
printf '\x0c%s' '/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/n/credentials/default/policies/p' >id

cd ../own_body
printf '\x00%s' '{"resourceIds":["d1","d2"],"disable":true,"reason":"keyCompromise"}' >bulk
printf '\x02%s' '{"disable":false,"reason":"superseded"}' >revoke
printf '\x04%s' '{"name":"ci","roles":["reader"],"scope":"n"}' >token

cd ../audit_line
printf '%s' '{"number":1,"at":"2026-01-01T00:00:00.000000Z","actor":"admin","action":"create","kind":"device","scope":"n","key":"d1","detail":"","address":"","trackingId":"","before":null,"after":{"a":1},"result":"","hash":"00"}' >event

cd ../renewal
printf '%s' '{"id":"d1","csr":"AAAA","replace":"*"}' >body
printf '%s' 'rid-0001' >id
printf '%s' '$iothub/credentials/res/202/?$rid=rid-0001' >topic

cd ../sealed_key
printf '%s\n' '/id other' '/label x' '/version 2' '/created_at 5' '/kek AAAA' '/public_key AAAA' '/wrapped_dek/nonce AAAA' '/private_key/sealed AAAA' >members

cd ../token_uri
printf '%s' 'pkcs11:token=provost;object=ica;type=private;id=%01%02?module-path=/lib/p.so&pin-source=/pin' >full
printf '%s' 'pkcs11:slot-id=3?pin-value=1234' >pin

cd ../signer_frame
printf '\0\0\0\x09\0\0\0\0\0\0\0\x01\x05' >health
printf '\0\0\0\x10\0\0\0\0\0\0\0\x02\x02\0\x05sealed:'  >cut
printf '\0\0\0\0\0\0\0\x03\x03\0\x08sealed:1\0\x04hash' >sign
printf '\0\0\0\0\0\0\0\x04\x01\x02\0\x05ica-1' >generate
printf '\0\0\0\0\0\0\0\x05\x11\0\x08sealed:1\0\x06broken' >unusable
printf '\0\x01{}' >opening

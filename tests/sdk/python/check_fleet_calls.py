"""azure-iot-hub: queries, direct methods and jobs, with azure-iot-device devices in the same process."""
# proves: 16

import os
import time
import uuid

from azure.iot.device import IoTHubDeviceClient, MethodResponse
from azure.iot.hub import IoTHubJobManager, IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, JobRequest, QuerySpecification, Twin, TwinProperties

from conformance import HOST, ROOT_CA, prove, prove_equal, wait_for

CONNECTION = os.environ["PROVOST_HUB_CONNECTION_STRING"]
IDS = [f"fleet-000{number}" for number in range(1, 6)]
# The third device stays at home.
ONLINE = [device for device in IDS if device != IDS[2]]

registry = IoTHubRegistryManager.from_connection_string(CONNECTION)
jobs = IoTHubJobManager.from_connection_string(CONNECTION)


def query(text, page=None):
    """All items of a query, page by page, and the number of pages and the type of each."""
    items, types, token = [], [], None
    while True:
        result = registry.query_iot_hub(QuerySpecification(query=text), token, page)
        items += result.items
        types.append(result.type)
        token = result.continuation_token
        if token is None:
            return items, types


def finished(job_id):
    """The job once it is over."""
    over = ("completed", "failed", "cancelled")
    return wait_for(f"job {job_id}", lambda: (job := jobs.get_scheduled_job(job_id)).status in over and job)


clients, called, desired = [], [], {}
for index, device_id in enumerate(IDS):
    device = registry.create_device_with_sas(device_id, None, None, "enabled")
    registry.update_twin(device_id, Twin(tags={"fleet": "check", "place": {"floor": index}}))
    if device_id not in ONLINE:
        continue
    client = IoTHubDeviceClient.create_from_connection_string(
        f"HostName={HOST};DeviceId={device_id};SharedAccessKey={device.authentication.symmetric_key.primary_key}",
        server_verification_cert=ROOT_CA,
    )

    def answer(request, client=client, device_id=device_id):
        called.append((device_id, request.name))
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, {"from": device_id}))

    def take(patch, device_id=device_id):
        desired[device_id] = patch

    client.on_method_request_received = answer
    client.on_twin_desired_properties_patch_received = take
    client.connect()
    clients.append(client)

# Queries.
twins, types = query("SELECT * FROM devices WHERE tags.fleet = 'check'", 2)
prove_equal(sorted(twin.device_id for twin in twins), IDS, "a query by tag finds the devices")
prove_equal(types, ["Twin"] * 3, "in pages of two, as twins")
twins, _ = query("SELECT * FROM devices WHERE tags.fleet = 'check' AND tags.place.floor >= 3")
prove_equal(sorted(twin.device_id for twin in twins), IDS[3:], "a query compares nested numbers")
twins, _ = query(f"SELECT * FROM devices WHERE deviceId IN ['{IDS[0]}', '{IDS[4]}'] AND connectionState = 'Connected'")
prove_equal(sorted(twin.device_id for twin in twins), [IDS[0], IDS[4]], "IN and the connection state")
twins, _ = query("SELECT * FROM devices WHERE tags.fleet = 'check' AND NOT IS_DEFINED(tags.missing)")
prove_equal(len(twins), 5, "IS_DEFINED")

# Methods.
result = wait_for(
    "a method",
    lambda: registry.invoke_device_method(
        IDS[0], CloudToDeviceMethod(method_name="hello", payload={"a": 1}, response_timeout_in_seconds=15)
    ),
)
prove_equal((result.status, result.payload), (200, {"from": IDS[0]}), "a direct method is answered")
prove_equal(called, [(IDS[0], "hello")], "by the device that was called")
called.clear()

# Jobs.
job_id = f"twins-{uuid.uuid4()}"
created = jobs.create_scheduled_job(
    job_id,
    JobRequest(
        job_id=job_id,
        type="scheduleUpdateTwin",
        update_twin=Twin(etag="*", properties=TwinProperties(desired={"mode": "night"})),
        query_condition="tags.fleet = 'check'",
        max_execution_time_in_seconds=60,
    ),
)
prove_equal(created.job_id, job_id, "a job that updates twins is taken")
job = finished(job_id)
prove_equal(
    (job.status, job.device_job_statistics.device_count, job.device_job_statistics.succeeded_count),
    ("completed", 5, 5),
    "it updates every twin",
)
prove_equal(registry.get_twin(IDS[2]).properties.desired["mode"], "night", "also that of a device which is away")
wait_for("the desired patches", lambda: len(desired) == len(ONLINE))
prove(all(patch["mode"] == "night" for patch in desired.values()), "connected devices are told", desired)

job_id = f"methods-{uuid.uuid4()}"
jobs.create_scheduled_job(
    job_id,
    JobRequest(
        job_id=job_id,
        type="scheduleDeviceMethod",
        cloud_to_device_method=CloudToDeviceMethod(
            method_name="reprovision", payload={}, response_timeout_in_seconds=10, connect_timeout_in_seconds=0
        ),
        query_condition="tags.fleet = 'check'",
        max_execution_time_in_seconds=60,
    ),
)
job = finished(job_id)
statistics = job.device_job_statistics
prove_equal(
    (job.status, statistics.device_count, statistics.succeeded_count, statistics.failed_count),
    ("completed", 5, 4, 1),
    "a job calls a method on every device, and one of them is away",
)
prove_equal(sorted(called), [(device, "reprovision") for device in ONLINE], "each device is called once")

job_id = f"later-{uuid.uuid4()}"
later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
jobs.create_scheduled_job(
    job_id,
    JobRequest(
        job_id=job_id,
        type="scheduleUpdateTwin",
        update_twin=Twin(etag="*", tags={"late": True}),
        query_condition="*",
        start_time=later,
        max_execution_time_in_seconds=60,
    ),
)
prove(jobs.get_scheduled_job(job_id).status in ("queued", "scheduled"), "a job waits for its hour")
jobs.cancel_scheduled_job(job_id)
prove_equal(finished(job_id).status, "cancelled", "and can be cancelled before")
rows = registry.query_iot_hub(QuerySpecification(query="SELECT * FROM devices.jobs"), None, 100)
prove_equal(rows.type, "DeviceJob", "the jobs of single devices are read by a query")

for client in clients:
    client.shutdown()
for device_id in IDS:
    registry.delete_device(device_id)

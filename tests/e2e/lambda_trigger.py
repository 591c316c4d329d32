"""A consumer of a Kinesis stream as people write it, an AWS Lambda function, and what AWS does in front of it."""

import base64
import json
import threading


def Handler(event, context):
    """An AWS Lambda function on a Kinesis trigger, as its documentation writes it."""
    events = []
    for record in event["Records"]:
        data = base64.b64decode(record["kinesis"]["data"])
        events.append((json.loads(data), record["kinesis"]["partitionKey"]))
    return events


class Trigger(threading.Thread):
    """What AWS does in front of a Lambda function: reads each shard and calls the function with batches, again after an outage."""

    def __init__(self, rig, kinesis, handler):
        super().__init__(daemon=True)
        self.kinesis, self.handler = kinesis, handler
        self.lock = threading.Lock()
        self.records = []  # As the oracle has them, in order of arrival per shard.
        self.ended = threading.Event()
        self.error = None
        rig.Add(self)
        self.start()

    def run(self):
        after = {}  # By shard, the sequence number to go on behind.
        while not self.ended.wait(0.05):
            try:
                client = self.kinesis.Client()
                for shard in client.list_shards(StreamName=self.kinesis.stream)["Shards"]:
                    self.ReadShard(client, shard["ShardId"], after)
            except (AssertionError, KeyError, ValueError) as error:  # What arrived is wrong; anything else is an outage.
                self.error = error
                return
            except Exception:
                continue

    def ReadShard(self, client, shard, after):
        start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after[shard]} if shard in after else {"ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(StreamName=self.kinesis.stream, ShardId=shard, **start)["ShardIterator"]
        records = client.get_records(ShardIterator=iterator)["Records"]
        event = {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": base64.b64encode(r["Data"]).decode(),
                              "partitionKey": r["PartitionKey"], "sequenceNumber": r["SequenceNumber"]}} for r in records]}
        for cloud_event, key in self.handler(event, None):
            assert cloud_event["specversion"] == "1.0" and cloud_event["type"] == "io.sluice.mqtt.message"
            number = json.loads(cloud_event["data"])["n"]
            with self.lock:
                self.records.append((number, cloud_event["id"], shard, cloud_event["subject"], cloud_event["data"], key))
        if records:
            after[shard] = records[-1]["SequenceNumber"]

    def Kill(self):
        self.ended.set()

    def Records(self):
        if self.error:
            raise self.error
        with self.lock:
            return list(self.records)

    def Numbers(self):
        return {record[0] for record in self.Records()}

"""Asks other engines about a snapshot file and a directory of snapshots of several nodes; prints one object of JSON.

The statements are those of `query/README.md`.
"""

import json
import pathlib
import sys

import boto3
import datafusion
import datafusion.object_store
import duckdb
import moto.server
import pandas
import polars

file, folder = sys.argv[1:]
answers = {}


def one(frame):
    return int(frame.iloc[0, 0])


question = "select count(*) from '{}' where \"table\" = 'http' and status >= 500"
ducks = duckdb.connect()
answers["duckdb"] = ducks.execute(question.format(file)).fetchone()[0]
by_node = "select node, count(*) n from read_parquet('{}/*/http.parquet') where status >= 500 group by node order by node"
answers["duckdb directory"] = dict(ducks.execute(by_node.format(folder)).fetchall())

failed = (polars.col("table") == "http") & (polars.col("status") >= 500)
answers["polars"] = polars.scan_parquet(file).filter(failed).select(polars.len()).collect().item()
nodes = polars.scan_parquet(f"{folder}/*/http.parquet", hive_partitioning=False).filter(polars.col("status") >= 500)
nodes = nodes.group_by("node").len().sort("node").collect()
answers["polars directory"] = dict(nodes.iter_rows())

frame = pandas.read_parquet(file)
answers["pandas"] = int(((frame["table"] == "http") & (frame["status"] >= 500)).sum())

context = datafusion.SessionContext()
context.register_parquet("everything", file)
asked = "select count(*) from everything where \"table\" = 'http' and status >= 500"
answers["datafusion"] = one(context.sql(asked).to_pandas())
context.register_listing_table("http", f"{folder}/", file_extension="http.parquet")
nodes = context.sql("select node, count(*) n from http where status >= 500 group by node").to_pandas()
answers["datafusion directory"] = dict(zip(nodes["node"], (int(n) for n in nodes["n"])))

# The same folder in a bucket, of a stand-in for S3 on this machine. (DuckDB needs an extension for it that is not in PyPI.)
server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
endpoint = "http://{}:{}".format(*server.get_host_and_port())
keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "aws_region": "us-east-1"}
session = boto3.Session(keys["aws_access_key_id"], keys["aws_secret_access_key"], region_name="us-east-1")
store = session.client("s3", endpoint_url=endpoint)
store.create_bucket(Bucket="snapshots")
for path in pathlib.Path(folder).glob("node=*/*.parquet"):
    store.upload_file(str(path), "snapshots", str(path.relative_to(folder)))

options = {**keys, "aws_endpoint_url": endpoint, "aws_allow_http": "true"}
nodes = polars.scan_parquet("s3://snapshots/*/http.parquet", hive_partitioning=False, storage_options=options)
nodes = nodes.filter(polars.col("status") >= 500).group_by("node").len().sort("node").collect()
answers["polars bucket"] = dict(nodes.iter_rows())

s3 = datafusion.object_store.AmazonS3(
    bucket_name="snapshots", region="us-east-1", access_key_id="any", secret_access_key="any", endpoint=endpoint, allow_http=True
)
context.register_object_store("s3://", s3, "snapshots")
context.register_listing_table("bucket", "s3://snapshots/", file_extension="http.parquet")
nodes = context.sql("select node, count(*) n from bucket where status >= 500 group by node").to_pandas()
answers["datafusion bucket"] = dict(zip(nodes["node"], (int(n) for n in nodes["n"])))
server.stop()

print(json.dumps(answers))

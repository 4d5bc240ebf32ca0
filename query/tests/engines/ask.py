"""Asks other engines about a snapshot file and a directory of snapshots of several nodes; prints one object of JSON.

The statements are those of `query/README.md`.
"""

import json
import sys

import datafusion
import duckdb
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

print(json.dumps(answers))

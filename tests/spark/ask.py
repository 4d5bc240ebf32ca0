"""Asks Spark, in local mode, about a snapshot file and a folder of snapshots of several nodes; prints one object of JSON.

The statements are those of `query/README.md`. Needs the package pyspark and a Java runtime: `tests/spark/run` installs both.
"""

import json
import sys

from pyspark.sql import SparkSession

file, folder = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "1g")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
# Spark has no nanoseconds: times become whole numbers.
spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
answers = {}
everything = spark.read.parquet(file)
answers["file"] = everything.where("`table` = 'http' and status >= 500").count()
answers["latency"] = everything.where("`table` = 'http'").selectExpr("sum(latency)").first()[0]
answers["first"] = everything.where("`table` = 'http'").selectExpr("min(time)").first()[0]
answers["host"] = everything.where("exists(req_headers, h -> h.name = 'host' and h.value = 'shop.example')").count()
nodes = spark.read.parquet(f"{folder}/*/http.parquet").where("status >= 500").groupBy("node").count()
answers["folder"] = {row["node"] or "null": row["count"] for row in nodes.collect()}
# `node=…/` is a column without looking into the files, too.
answers["partitions"] = sorted(row[0] for row in spark.read.parquet(folder).select("node").distinct().collect())
print(json.dumps(answers, sort_keys=True))
spark.stop()

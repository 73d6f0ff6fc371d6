"""Parquet in, Parquet out, shard by shard: work on more items than fit into memory or a project file.

- :mod:`labelkit.bulk.location`: a folder, file or URL.
- :mod:`labelkit.bulk.inputs`: which Parquet files there are, and whether they can be read.
- :mod:`labelkit.bulk.shards`: pieces of bounded size, and reading one of them.
- :mod:`labelkit.bulk.votes`: votes of one shard as bytes.
- :mod:`labelkit.bulk.parts`: the output's columns.
- :mod:`labelkit.bulk.output`: the output folder, written so that it can be stopped anywhere.
"""

"""Reports: figures of a replay as JSON, CSV, Parquet and one HTML file."""

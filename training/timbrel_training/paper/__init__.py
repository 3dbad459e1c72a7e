"""The paper's table: rows that make waves, how all rows are judged, and the listening test."""

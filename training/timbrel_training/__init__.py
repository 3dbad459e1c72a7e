"""Training, measures and export of Timbrel's models."""

"""What is measured on notes, each measure in a file of its own. Real and generated notes go the same way: as waves."""

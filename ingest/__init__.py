"""From a folder of Markdown to an index: sources, documents, chunks, synchronisation."""

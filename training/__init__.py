"""The making of Faro's bilingual sentence encoder and of its lexicon, from a folder of parallel text."""

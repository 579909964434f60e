"""From a question to a cited answer: language, retrieval, answer, citations."""

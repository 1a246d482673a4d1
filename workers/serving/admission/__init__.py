"""Who may ask, and how much: keys and passes looked up in memory, limits leased from Redis in small blocks."""

package optimize

// KnownIndexes returns how many indexes are remembered.
func KnownIndexes(k *Known) int { return len(k.store.indexes) }

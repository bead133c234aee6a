package replay

// cache remembers what was used last: between half and all of its size.
type cache[V any] struct {
	half          int
	young, former map[string]V
}

func newCache[V any](size int) *cache[V] {
	return &cache[V]{half: size / 2, young: map[string]V{}, former: map[string]V{}}
}

func (c *cache[V]) get(key string) (V, bool) {
	if v, ok := c.young[key]; ok {
		return v, true
	}
	v, ok := c.former[key]
	if ok {
		c.put(key, v)
	}
	return v, ok
}

func (c *cache[V]) put(key string, v V) {
	if len(c.young) >= c.half {
		c.young, c.former = map[string]V{}, c.young
	}
	c.young[key] = v
}

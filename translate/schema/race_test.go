//go:build race

package schema_test

// oneOf is how many of the fields a test tries: one of so many. The race detector tells nothing of what one goroutine
// does; make full tries all.
const oneOf = 10

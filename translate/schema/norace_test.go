//go:build !race

package schema_test

// oneOf is how many of the fields a test tries: one of so many.
const oneOf = 1

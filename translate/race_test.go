//go:build race

package translate_test

// underRace says that the race detector runs: what only one goroutine does takes more time with it and
// tells no more.
const underRace = true

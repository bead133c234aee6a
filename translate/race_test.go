//go:build race

package translate_test

// underRace says that the race detector runs: what only one goroutine does takes more time with it and
// tells no more.
const underRace = true

// rounds is a tenth of what a test does in full, which `make full` does.
func rounds(full int) int { return max(1, full/10) }

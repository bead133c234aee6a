//go:build !race

package translate_test

const underRace = false

// rounds is all of what a test does in full.
func rounds(full int) int { return full }

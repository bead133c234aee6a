//go:build !race

package translate_test

const underRace = false

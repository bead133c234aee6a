package resource

import (
	"slices"
	"strings"
)

// maxNear bounds the length of a name that others are compared with.
const maxNear = 100

// suggestion says which name was probably meant, or lists what there is.
func suggestion(written string, known []string) string {
	if near := closest(written, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 {
		return "it takes no fields"
	}
	return "it has " + strings.Join(known, ", ")
}

// choice says which of a few values was probably meant, or lists all.
func choice(written string, known []string) string {
	if near := closest(written, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(known, ", ")
}

// DidYouMean returns the known name that was probably meant by a written one, or "": one
// within two edits, where upper and lower case make no difference. It costs a comparison
// with each known name.
func DidYouMean(written string, known []string) string { return closest(written, known) }

// closest returns the known name within two edits of the written one, or "". Upper and
// lower case, and - _ and blanks between words, make no difference.
func closest(written string, known []string) string {
	if len(written) > maxNear {
		return ""
	}
	best, distance := "", 3
	for _, k := range known {
		a, b := folded(written), folded(k)
		// Half of a short name is not a misspelling.
		if d := edits(a, b); d < distance && 2*d < max(len(a), len(b)) {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := previous
			if a[i] != b[j] {
				replace++
			}
			previous = row[j+1]
			row[j+1] = slices.Min([]int{replace, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}

func folded(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

package schema

import "testing"

// TestNothingIsSaidOfWhatThereIsNot holds that each line of words/ is about a field that a kind has.
func TestNothingIsSaidOfWhatThereIsNot(t *testing.T) {
	w, err := readWords()
	if err != nil {
		t.Fatal(err)
	}
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, k := range r.Kinds {
		for _, top := range k.Fields {
			for _, f := range top.all() {
				if f.descriptor != nil {
					there[string(f.descriptor.ContainingMessage().FullName())+" "+f.Name] = true
				}
			}
		}
	}
	for message, said := range w.Messages {
		for field := range said.Fields {
			if !there[message+" "+field] {
				t.Errorf("something is said of %s of %s, which no kind has", field, message)
			}
		}
	}
	for kind := range w.Kinds {
		if _, ok := r.Kind(kind); !ok {
			t.Errorf("something is said of the kind %s, which is not read", kind)
		}
	}
}

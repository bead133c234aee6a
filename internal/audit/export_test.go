package audit

// LineOf makes the next line of a record that stands at a place.
func LineOf(o Options, p Place, e Event) Line { return newEncoder(o, "run", p).line(newItem(e)) }

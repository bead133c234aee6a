package diag

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

// Places lead from names to where what they name is written. They are immutable. Large ones are put together when they
// are asked for first, which is seldom: most edits are refused by nobody. The zero value is none.
type Places struct{ all func() map[string]Position }

// PlacesOf returns places that are known. The map must not be written to any more.
func PlacesOf(all map[string]Position) Places {
	return Places{func() map[string]Position { return all }}
}

// PlacesOnce returns places that are made when they are asked for first, and then once.
func PlacesOnce(make func() map[string]Position) Places { return Places{sync.OnceValue(make)} }

// All returns all places. The map must not be written to.
func (p Places) All() map[string]Position {
	if p.all == nil {
		return nil
	}
	return p.all()
}

// At returns the place of a name, or false where there is none.
func (p Places) At(name string) (Position, bool) {
	pos, ok := p.All()[name]
	return pos, ok
}

// Equal reports whether others are the same places of the same names.
func (p Places) Equal(other Places) bool { return maps.Equal(p.All(), other.All()) }

// String returns the names with their places, in the order of names.
func (p Places) String() string { return fmt.Sprint(p.All()) }

// MarshalJSON writes an object of the places by their names.
func (p Places) MarshalJSON() ([]byte, error) { return json.Marshal(p.All()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Places) UnmarshalJSON(text []byte) error {
	var all map[string]Position
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*p = PlacesOf(all)
	return nil
}

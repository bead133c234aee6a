package disk

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// result is what a call gave.
type result[T any] struct {
	value T
	err   error
}

// run makes a call on a goroutine of its own and waits for it for the timeout at most.
// Waiting for another call of the same path, or for one of all to end, counts too.
func run[T any](d *Disk, op, path string, what func() (T, error)) (T, error) {
	var none T
	key := filepath.Clean(path)
	timer := time.NewTimer(d.options.Timeout)
	defer timer.Stop()
	c, err := d.admit(key, timer.C)
	if err != nil {
		return none, &fs.PathError{Op: op, Path: path, Err: err}
	}
	done := make(chan result[T], 1)
	go func() {
		value, err := what()
		d.back(key)
		done <- result[T]{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
	}
	if !d.giveUp(key, c) { // it came back at the last moment
		r := <-done
		return r.value, r.err
	}
	return none, &fs.PathError{Op: op, Path: path, Err: fmt.Errorf("%w within %v", ErrStuck, d.options.Timeout)}
}

// admit enters a call for a path. It waits while another is made for the same path, or as many
// as may get stuck are made in all, since each of them may: so there are never more than that.
func (d *Disk) admit(key string, end <-chan time.Time) (*call, error) {
	for {
		d.mu.Lock()
		if err := d.refuse(key); err != nil {
			d.mu.Unlock()
			return nil, err
		}
		if d.calls[key] == nil && len(d.calls) < d.options.MaxStuck {
			c := &call{}
			d.calls[key] = c
			d.mu.Unlock()
			return c, nil
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-end:
			return nil, fmt.Errorf("%w within %v", ErrStuck, d.options.Timeout)
		}
	}
}

// refuse returns why no call is made for a path now: one for it, or for a directory above it
// through which it would have to pass, is stuck, or too many are, beside it or in all.
func (d *Disk) refuse(key string) error {
	for above := key; ; above = filepath.Dir(above) {
		if c := d.calls[above]; c != nil && c.stuck {
			return fmt.Errorf("%w: an earlier call for %s has not come back", ErrStuck, above)
		}
		if above == filepath.Dir(above) {
			break
		}
	}
	all, inDirectory := 0, 0
	for path, c := range d.calls {
		if c.stuck {
			all++
			if filepath.Dir(path) == filepath.Dir(key) {
				inDirectory++
			}
		}
	}
	if all >= d.options.MaxStuck {
		return fmt.Errorf("%w: %d calls for other paths have not come back", ErrStuck, all)
	}
	if inDirectory >= max(1, d.options.MaxStuck/4) {
		return fmt.Errorf("%w: %d calls for other paths in %s have not come back", ErrStuck, inDirectory, filepath.Dir(key))
	}
	return nil
}

// back notes that a call has come back, however late: its path can be used again.
func (d *Disk) back(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.calls, key)
	d.stir()
}

// giveUp notes that nobody waits for a call any more. It reports false when it has come back.
func (d *Disk) giveUp(key string, c *call) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls[key] != c {
		return false
	}
	c.stuck = true
	d.stir()
	return true
}

// stir lets those that wait to be admitted look again.
func (d *Disk) stir() {
	close(d.changed)
	d.changed = make(chan struct{})
}

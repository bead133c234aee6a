package chain

import "os"

// VerifyAtOnce is Verify of a record that nobody writes.
func VerifyAtOnce(file string, o VerifyOptions) (Report, error) {
	n, err := namesOf(file)
	if err != nil {
		return Report{}, err
	}
	v := verifier{names: n, options: o}
	err = v.run()
	return v.report, err
}

// End returns where a record ends, and cuts off half a line.
func End(file string) (seq uint64, err error) {
	n, err := namesOf(file)
	if err != nil {
		return 0, err
	}
	e, err := recoverEnd(n, Options{File: file})
	return e.place.Seq, err
}

// ErrChanged is errChanged.
var ErrChanged = errChanged

// Beside reports what keeps the rotated files beside one that is open from being read with it.
func Beside(path string, current *os.File) error {
	n, err := namesOf(path)
	if err == nil {
		_, err = n.beside(current)
	}
	return err
}

package chain

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

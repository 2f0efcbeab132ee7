# Read behind FFmpeg's own Makefile, which has no target for all that its tests run.
ccverify-programs: all testprogs $(CHECKASM) $(APITESTPROGS) $(FATE_UTILS:%=tests/%$(HOSTEXESUF)) \
    $(addsuffix $(HOSTEXESUF),tests/audiogen tests/videogen tests/rotozoom) \
    $(if $(SAMPLES),$(addsuffix $(EXESUF),tools/qt-faststart tools/scale_slice_test tools/venc_data_dump))

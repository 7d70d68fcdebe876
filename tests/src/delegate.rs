//! Backends of tests that are like another one in all but one thing.

/// The named operations of a [`Backend`](cachekit_io::Backend), as a field of the type has them.
///
/// For an `impl` of the trait: `delegate!(0: get set delete exists health);`, and beside it what is different.
#[macro_export]
macro_rules! delegate {
    ($field:tt: $($operation:ident)+) => {
        $($crate::delegate! { @$operation $field })+
    };
    (@get $field:tt) => {
        fn get<'a>(
            &'a self,
            key: &'a str,
        ) -> ::cachekit_io::BoxFuture<
            'a,
            ::std::result::Result<
                ::std::option::Option<::cachekit_io::Fetched>,
                ::cachekit_io::BackendError,
            >,
        > {
            ::cachekit_io::Backend::get(&self.$field, key)
        }
    };
    (@set $field:tt) => {
        fn set<'a>(
            &'a self,
            key: &'a str,
            value: ::bytes::Bytes,
            options: &'a ::cachekit_io::SetOptions,
        ) -> ::cachekit_io::BoxFuture<'a, ::std::result::Result<(), ::cachekit_io::BackendError>> {
            ::cachekit_io::Backend::set(&self.$field, key, value, options)
        }
    };
    (@delete $field:tt) => {
        fn delete<'a>(
            &'a self,
            key: &'a str,
        ) -> ::cachekit_io::BoxFuture<'a, ::std::result::Result<bool, ::cachekit_io::BackendError>> {
            ::cachekit_io::Backend::delete(&self.$field, key)
        }
    };
    (@exists $field:tt) => {
        fn exists<'a>(
            &'a self,
            key: &'a str,
        ) -> ::cachekit_io::BoxFuture<'a, ::std::result::Result<bool, ::cachekit_io::BackendError>> {
            ::cachekit_io::Backend::exists(&self.$field, key)
        }
    };
    (@health $field:tt) => {
        fn health(
            &self,
        ) -> ::cachekit_io::BoxFuture<
            '_,
            ::std::result::Result<::cachekit_io::Health, ::cachekit_io::BackendError>,
        > {
            ::cachekit_io::Backend::health(&self.$field)
        }
    };
}
